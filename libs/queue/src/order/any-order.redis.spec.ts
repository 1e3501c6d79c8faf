/** Whatever happens to a queue, in any order: each job is taken once, none is lost, and tenants differ by a bounded amount. */
import type { PriorityClass } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OrderUnderTest, policyOf, startBench } from "../testing/order-bench.js";

let bench: Awaited<ReturnType<typeof startBench>>;
let redis: RedisClient;

beforeAll(async () => {
  bench = await startBench();
  redis = bench.redis;
});
afterAll(() => bench.stop());

const tenants = ["a", "b", "c"];
const event = fc.oneof(
  fc.record({
    type: fc.constant("add" as const),
    tenant: fc.constantFrom(...tenants),
    priorityClass: fc.constantFrom<PriorityClass>("interactive", "async", "batch"),
    tokens: fc.integer({ min: 1, max: 500 }),
    count: fc.integer({ min: 1, max: 8 }),
    deadlineInMs: fc.option(fc.integer({ min: -1_000, max: 100_000 }), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("take" as const),
    worker: fc.constantFrom("wrk_a", "wrk_b"),
    room: fc.integer({ min: 1, max: 6 }),
    again: fc.boolean(),
  }),
  fc.record({ type: fc.constant("end" as const), which: fc.nat(), cost: fc.nat({ max: 900 }) }),
  fc.record({ type: fc.constant("hand-back" as const), worker: fc.constantFrom("wrk_a", "wrk_b") }),
  fc.record({ type: fc.constant("remove" as const), which: fc.nat() }),
  fc.constant({ type: "lose-order" as const }),
);

class Model {
  readonly waiting = new Set<string>();
  readonly running = new Map<string, string>();
  readonly finished = new Set<string>();
  private takes = 0;

  constructor(private readonly test: OrderUnderTest) {}

  async apply(each: typeof event extends fc.Arbitrary<infer Event> ? Event : never): Promise<void> {
    const { test } = this;
    switch (each.type) {
      case "add": {
        const { tenant, priorityClass, tokens, count, deadlineInMs } = each;
        const deadlineAtMs = deadlineInMs === undefined ? undefined : Date.now() + deadlineInMs;
        const ids = await test.add(count, { tenant, priorityClass, expectedTokens: tokens, deadlineAtMs });
        for (const id of ids) this.waiting.add(id);
        return;
      }
      case "take": {
        const token = `${each.worker}:${(this.takes += 1)}`;
        const options = { workerId: each.worker, token, room: each.room, concurrency: 8 };
        const ids = await test.take(each.room, options);
        if (each.again) expect(await test.take(each.room, options)).toEqual(ids);
        this.taken(ids, each.worker);
        return;
      }
      case "end": {
        const id = [...this.running.keys()][each.which % Math.max(1, this.running.size)];
        if (id === undefined) return;
        await test.finish(id, each.cost);
        this.running.delete(id);
        this.finished.add(id);
        return;
      }
      case "hand-back": {
        const ids = [...this.running].filter(([, worker]) => worker === each.worker).map(([id]) => id);
        expect(await test.queue.handBackJobsOf(each.worker)).toBe(ids.length);
        for (const id of ids) {
          this.running.delete(id);
          this.waiting.add(id);
        }
        return;
      }
      case "remove": {
        const ids = [...this.waiting, ...this.running.keys()];
        const id = ids[each.which % Math.max(1, ids.length)];
        if (id === undefined) return;
        expect(await test.queue.remove(id as never)).toBe(this.waiting.delete(id));
        if (!this.running.has(id)) this.finished.add(id);
        return;
      }
      case "lose-order":
        await test.loseOrder();
    }
  }

  taken(ids: readonly string[], worker: string): void {
    for (const id of ids) {
      expect(this.waiting.delete(id), `${id} waits`).toBe(true);
      this.running.set(id, worker);
    }
  }
}

it("takes each job once and loses none", { timeout: 120_000 }, async () => {
  const share = { minShare: 0.1 };
  const policy = policyOf({
    headroom: 0.2,
    classes: { interactive: { minShare: 0 }, async: share, batch: share },
    tenants: new Map([
      ["a", { weight: 3 }],
      ["c", { weight: 1, maxRunning: 2 }],
    ]),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const test = new OrderUnderTest(redis, policy);
      const model = new Model(test);
      for (const each of events) await model.apply(each);
      // What is left is served to the end: what runs ends, what is parked comes.
      for (let round = 0; model.waiting.size + model.running.size > 0; round++) {
        expect(round, `${model.waiting.size} jobs are never served`).toBeLessThan(400);
        for (const id of [...model.running.keys()])
          await model.apply({ type: "end", which: 0, cost: id.length });
        const ids = await test.take(8, { room: 8, concurrency: 8, workerId: "wrk_z" });
        model.taken(ids, "wrk_z");
        if (ids.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { waiting } = await test.order.figures();
      expect(waiting.interactive.jobs + waiting.async.jobs + waiting.batch.jobs).toBe(0);
      expect(model.finished.size).toBe(test.queued.size);
      expect(await redis.zcard(test.key("prioritized"))).toBe(0);
      expect(await redis.llen(test.key("active"))).toBe(0);
      await test.queue.close();
    }),
    { numRuns: Number(process.env["ORDER_RUNS"] ?? 40) },
  );
});

it("never lets two backlogged tenants differ by more than a job each", { timeout: 60_000 }, async () => {
  const jobs = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 40, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(jobs, jobs, fc.integer({ min: 1, max: 5 }), async (ofA, ofB, weight) => {
      const test = new OrderUnderTest(redis, policyOf({ tenants: new Map([["a", { weight }]]) }));
      for (const expectedTokens of ofA) await test.add(1, { tenant: "a", expectedTokens });
      for (const expectedTokens of ofB) await test.add(1, { tenant: "b", expectedTokens });
      const left = { a: ofA.length, b: ofB.length };
      const got = { a: 0, b: 0 };
      while (left.a > 0 && left.b > 0) {
        for (const id of await test.take(1)) {
          const job = test.queued.get(id);
          const tenant = job?.tenant as "a" | "b";
          left[tenant] -= 1;
          got[tenant] += (job?.expectedTokens ?? 0) / (tenant === "a" ? weight : 1);
        }
        // The bound of start-time fair queueing: the largest job of each, by weight.
        expect(Math.abs(got.a - got.b)).toBeLessThanOrEqual(500 / weight + 500);
      }
      await test.queue.close();
    }),
    { numRuns: Number(process.env["ORDER_RUNS"] ?? 10) },
  );
});
