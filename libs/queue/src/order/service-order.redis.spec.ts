import type { RedisClient } from "@expert-router/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OrderUnderTest, policyOf, startBench } from "../testing/order-bench.js";

let bench: Awaited<ReturnType<typeof startBench>>;
let redis: RedisClient;

beforeAll(async () => {
  bench = await startBench();
  redis = bench.redis;
});
afterAll(() => bench.stop());

const count = (values: readonly string[], value: string): number =>
  values.filter((each) => each === value).length;

describe("tenants of a class", () => {
  it("share by tokens in proportion to their weights", async () => {
    const tenants = new Map([["a", { weight: 3 }]]);
    const test = new OrderUnderTest(redis, policyOf({ tenants }));
    await test.add(200, { tenant: "a", expectedTokens: 50 });
    await test.add(100, { tenant: "b", expectedTokens: 100 });
    const taken = test.tenantsOf([...(await test.take(64)), ...(await test.take(64))]);
    const tokens = { a: 50 * count(taken, "a"), b: 100 * count(taken, "b") };
    expect(tokens.a / tokens.b).toBeGreaterThan(2.8);
    expect(tokens.a / tokens.b).toBeLessThan(3.2);
  });

  it("do not wait for the backlog of others, nor get credit for idle time", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(1_000, { tenant: "a" });
    await test.take(64);
    await test.add(20, { tenant: "b" });
    const taken = test.tenantsOf(await test.take(20));
    expect(taken.slice(0, 2)).toContain("b");
    expect(count(taken, "b")).toBe(10);
  });

  it("get what idle ones leave", async () => {
    const test = new OrderUnderTest(redis, policyOf({ tenants: new Map([["idle", { weight: 100 }]]) }));
    await test.add(1, { tenant: "idle" });
    await test.add(30, { tenant: "a" });
    await test.add(30, { tenant: "b" });
    const taken = test.tenantsOf(await test.take(41));
    expect([count(taken, "idle"), count(taken, "a"), count(taken, "b")]).toEqual([1, 20, 20]);
  });

  it("pay what their jobs have cost, not what they were expected to cost", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(300, { tenant: "a" });
    await test.add(300, { tenant: "b" });
    const counts = { a: 0, b: 0 };
    for (let round = 0, ended: ReturnType<typeof test.ended>[] = []; round < 100; round++) {
      const [id] = await test.take(1, { ended });
      const tenant = test.queued.get(id as string)?.tenant as "a" | "b";
      counts[tenant] += 1;
      ended = [test.ended(id as string, tenant === "a" ? 300 : 100)];
    }
    expect(counts.a).toBeGreaterThanOrEqual(24);
    expect(counts.a).toBeLessThanOrEqual(26);
  });

  it("run no more than they may; the next one's turn comes when one has ended", async () => {
    const defaultTenant = { weight: 1, maxRunning: 2 };
    const test = new OrderUnderTest(redis, policyOf({ defaultTenant }));
    await test.add(5, { tenant: "a" });
    await test.add(1, { tenant: "a", priorityClass: "batch" });
    await test.add(1, { tenant: "b" });
    const first = await test.take(10);
    expect(test.tenantsOf(first).toSorted()).toEqual(["a", "a", "b"]);
    expect(await test.take(10)).toEqual([]);
    const done = first.filter((id) => test.queued.get(id)?.tenant === "a").slice(0, 1);
    const second = await test.take(10, { ended: done.map((id) => test.ended(id)) });
    expect(test.tenantsOf(second)).toEqual(["a"]);
    // Told twice, as after a reconnect.
    expect(await test.take(10, { ended: done.map((id) => test.ended(id)) })).toEqual([]);
  });

  it("leave nothing behind when they have no work, but how far ahead the 10,000 are who got most", async () => {
    const test = new OrderUnderTest(redis, policyOf({ tenants: new Map([["a", { weight: 3 }]]) }));
    await test.add(2, { tenant: "a" });
    expect(await redis.hgetall(test.key("order:weights:async"))).toEqual({ a: "3" });
    await test.take(2);
    expect(await redis.exists(test.key("order:weights:async"))).toBe(0);
    const past = test.key("order:past:async");
    for (let i = 0; i < 12_000; i += 2_000) {
      const members = Array.from({ length: 2_000 }, (_, j) => [String(1e6 + i + j), `once-${i + j}`]);
      await redis.zadd(past, ...members.flat());
    }
    const kept = async (): Promise<number> => (await test.take(1), await redis.zcard(past));
    await expect.poll(kept, { interval: 50, timeout: 2_000 }).toBe(10_000);
    expect(await redis.zrange(past, "0", "0")).toEqual(["once-2000"]);
  });

  it("that wait for one of their own to end wake a worker when a report without a take frees them", async () => {
    const test = new OrderUnderTest(redis, policyOf({ defaultTenant: { weight: 1, maxRunning: 1 } }));
    await test.add(2);
    const [id] = await test.take(2);
    await test.take(2);
    await redis.del(test.key("marker"));
    await test.finish(id as string);
    expect(await redis.exists(test.key("marker"))).toBe(1);
  });

  it("count a job once that is handed back and taken again, and its first run's late report not at all", async () => {
    const test = new OrderUnderTest(redis, policyOf({ defaultTenant: { weight: 1, maxRunning: 1 } }));
    await test.add(2);
    const [id] = (await test.take(2, { workerId: "wrk_x" })) as [string];
    const late = test.ended(id, "returned");
    await test.queue.handBackJobsOf("wrk_x");
    expect(await test.take(2)).toEqual([id]);
    expect(await test.take(2, { ended: [late] })).toEqual([]);
    expect(await test.take(2, { ended: [test.ended(id)] })).toHaveLength(1);
  });

  it("run again when nobody told that their jobs ended", async () => {
    const test = new OrderUnderTest(redis, policyOf({ defaultTenant: { weight: 1, maxRunning: 1 } }));
    await test.add(2);
    const [id] = await test.take(2);
    await redis.del(test.key(`${id}:lock`));
    await expect.poll(() => test.take(1), { timeout: 3_000 }).toHaveLength(1);
  });
});

describe("classes", () => {
  const classes = { interactive: { minShare: 0 }, async: { minShare: 0.2 }, batch: { minShare: 0.1 } };

  it("are served one after the other, with guaranteed shares of the tokens", async () => {
    const test = new OrderUnderTest(redis, policyOf({ classes, headroom: 0.5 }));
    await test.add(400, { priorityClass: "interactive" });
    await test.add(400, { priorityClass: "async", expectedTokens: 50 });
    await test.add(400, { priorityClass: "batch", expectedTokens: 200 });
    const taken: string[] = [];
    for (let i = 0; i < 200; i++) taken.push(...test.classesOf(await test.take(2, { concurrency: 4 })));
    const tokens = {
      interactive: 100 * count(taken, "interactive"),
      async: 50 * count(taken, "async"),
      batch: 200 * count(taken, "batch"),
    };
    const total = tokens.interactive + tokens.async + tokens.batch;
    expect(taken[0]).toBe("interactive");
    expect(Math.abs(tokens.async / total - 0.2)).toBeLessThan(0.01);
    expect(Math.abs(tokens.batch / total - 0.1)).toBeLessThan(0.01);
  });

  it("that used idle capacity get their share soon again", async () => {
    const test = new OrderUnderTest(redis, policyOf({ classes }));
    await test.add(300, { priorityClass: "batch" });
    for (let i = 0; i < 4; i++) await test.take(50);
    await test.add(100, { priorityClass: "interactive" });
    const taken = test.classesOf([...(await test.take(50)), ...(await test.take(50))]);
    expect(count(taken, "batch")).toBeGreaterThanOrEqual(8);
    expect(count(taken, "batch")).toBeLessThanOrEqual(11);
  });

  it("leave headroom for interactive requests while there are such", async () => {
    const test = new OrderUnderTest(redis, policyOf({ headroom: 0.25 }));
    await test.add(100, { priorityClass: "batch" });
    expect(await test.take(8, { room: 8, concurrency: 8 })).toHaveLength(8);
    await test.add(1, { priorityClass: "interactive" });
    await redis.hset(test.key("order:state"), "interactive-load", 0.5);
    const taken = test.classesOf(await test.take(8, { room: 8, concurrency: 8 }));
    expect(taken).toEqual(["interactive", ...Array.from({ length: 5 }, () => "batch")]);
    expect(await test.take(2, { room: 2, concurrency: 8 })).toEqual([]);
    // A single place is for everybody.
    expect(await test.take(1, { room: 1, concurrency: 1 })).toHaveLength(1);
  });

  it.each([
    [0.01, [1, 1]],
    [0.05, [1, 2]],
    [0.2, [2, 3]],
    [0.4, [3, 4]],
    [0.7, [8, 8]],
  ])("leave less where interactive work uses less: of %f of the places, %j", async (load, [least, most]) => {
    const test = new OrderUnderTest(redis, policyOf({ headroom: 0.125 }));
    await test.add(1, { priorityClass: "interactive" });
    await test.take(1, { concurrency: 64 });
    await test.add(100, { priorityClass: "batch" });
    const state = test.key("order:state");
    // Not smoothed anew meanwhile.
    await redis.hset(state, "interactive-load", load, "checked-at", Date.now() + 60_000);
    const reserve = 60 - (await test.take(60, { room: 60, concurrency: 64 })).length;
    expect(reserve).toBeGreaterThanOrEqual(least!);
    expect(reserve).toBeLessThanOrEqual(most!);
  });

  it("follow how much interactive work runs", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(6, { priorityClass: "interactive" });
    const ids = await test.take(6, { room: 8, concurrency: 8 });
    const load = async (): Promise<number> => {
      await redis.hset(test.key("order:state"), "checked-at", 0);
      await test.take(1, { room: 2, concurrency: 8 });
      return Number(await redis.hget(test.key("order:state"), "interactive-load"));
    };
    for (let look = 0; look < 60; look++) await load();
    expect(await load()).toBeGreaterThan(0.6);
    await test.take(1, { ended: ids.map((id) => test.ended(id)) });
    for (let look = 0; look < 60; look++) await load();
    expect(await load()).toBeLessThan(0.1);
  });

  it("with work that this worker holds back wake another that has room", async () => {
    const test = new OrderUnderTest(redis, policyOf({ headroom: 0.5 }));
    await test.add(1, { priorityClass: "interactive" });
    await test.take(1);
    await redis.hset(test.key("order:state"), "interactive-load", 0.5);
    await test.take(4, { workerId: "wrk_b", concurrency: 4 });
    await test.add(1, { priorityClass: "batch" });
    await redis.del(test.key("marker"));
    expect(await test.take(1, { room: 1, concurrency: 4 })).toEqual([]);
    expect(await redis.exists(test.key("order:bell:wrk_b"))).toBe(1);
    expect(await redis.exists(test.key("marker"))).toBe(0);
  });
});

describe("deadlines", () => {
  it("raise a job in time, before others of its tenant and class, not before other tenants", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(3, { tenant: "a", priorityClass: "interactive" });
    await test.add(3, { tenant: "b", priorityClass: "interactive" });
    const deadlineAtMs = Date.now() + 100;
    const [late] = await test.add(1, { tenant: "b", priorityClass: "batch", deadlineAtMs });
    const [far] = await test.add(1, {
      tenant: "b",
      priorityClass: "batch",
      deadlineAtMs: Date.now() + 60_000,
    });
    const taken = await test.take(8);
    expect(test.tenantsOf(taken).slice(0, 2).toSorted()).toEqual(["a", "b"]);
    expect(taken.indexOf(late as string)).toBeLessThanOrEqual(1);
    expect(taken.indexOf(far as string)).toBe(7);
    expect((await test.order.figures()).waiting.batch).toEqual({ jobs: 0, tokens: 0 });
  });
});

describe("affinity", () => {
  it("leaves a job for a moment to the worker that holds its conversation, and no longer", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(1, { prefix: { after: "turn-1" } });
    await test.take(1, { workerId: "wrk_b", room: 4 });
    const [next] = await test.add(1, { prefix: { behind: "turn-1", after: "turn-2" } });
    const [other] = await test.add(1, { tenant: "z" });
    const first = await test.takeWith(6, { workerId: "wrk_a" });
    expect(first.jobs.map(({ id }) => id)).toEqual([other]);
    expect(first.lookAgainMs).toBeLessThanOrEqual(50);
    expect(await redis.exists(test.key("order:bell:wrk_b"))).toBe(1);
    // Its worker does not come.
    await expect
      .poll(() => test.take(1, { workerId: "wrk_a" }), { interval: 5, timeout: 1_000 })
      .toEqual([next]);
  });

  it("costs nothing when the holder is full", async () => {
    const test = new OrderUnderTest(redis);
    await test.add(1, { prefix: { after: "turn-1" } });
    await test.take(1, { workerId: "wrk_b", room: 1 });
    const ids = await test.add(1, { prefix: { behind: "turn-1", after: "turn-2" } });
    expect(await test.take(1, { workerId: "wrk_a" })).toEqual(ids);
  });
});

describe("an order that is lost", () => {
  it("is made again from what BullMQ has", async () => {
    const test = new OrderUnderTest(redis);
    const async = await test.add(700, { tenant: "a" });
    const interactive = await test.add(3, { tenant: "b", priorityClass: "interactive" });
    await test.loseOrder();
    const later = await test.add(5, { tenant: "c" });
    const taken: string[] = [];
    for (let i = 0; i < 40; i++) taken.push(...(await test.take(64)));
    expect(taken.toSorted()).toEqual([...async, ...interactive, ...later].toSorted());
    expect((await test.order.figures()).waiting.async).toEqual({ jobs: 0, tokens: 0 });
  });

  it("serves what another program added, and forgets what another program removed", async () => {
    const test = new OrderUnderTest(redis);
    const [, removed] = await test.add(2);
    await redis.zrem(test.key("prioritized"), removed as string);
    await redis.del(test.key(removed as string));
    await redis.hset(test.key("req_foreign"), { name: "request", data: "{}", opts: "{}", priority: 20 });
    await redis.zadd(test.key("prioritized"), 20 * 2 ** 32 + 1, "req_foreign");
    const taken: string[] = [];
    await expect.poll(async () => taken.push(...(await test.take(1))), { timeout: 3_000 }).toBe(2);
    expect(taken[1]).toBe("req_foreign");
    expect((await test.order.figures()).waiting.async.jobs).toBe(0);
  });
});

it("an order forgets what was removed by another program while its deadline was near", async () => {
  const test = new OrderUnderTest(redis);
  const [removed, kept] = await test.add(2, { priorityClass: "batch", deadlineAtMs: Date.now() + 100 });
  await test.take(0); // Changes their list.
  expect((await test.order.figures()).waiting.batch.jobs).toBe(2);
  await redis.zrem(test.key("prioritized"), removed as string);
  await redis.del(test.key(removed as string));
  expect(await test.take(2)).toEqual([kept]);
  const waiting = async () => (await test.take(1), (await test.order.figures()).waiting.batch);
  await expect.poll(waiting, { timeout: 2_000 }).toEqual({ jobs: 0, tokens: 0 });
});

it("workers share what they all have room for", async () => {
  const test = new OrderUnderTest(redis);
  await test.take(30, { workerId: "wrk_b", room: 30 });
  await test.add(40);
  await redis.del(test.key("marker"));
  expect(await test.take(60, { room: 60 })).toHaveLength(27);
  expect(await redis.exists(test.key("marker"))).toBe(1);
  // Nobody else comes.
  expect(await test.take(33, { room: 33 })).toHaveLength(7);
});

it("a call that is sent again answers the same jobs", async () => {
  const test = new OrderUnderTest(redis);
  await test.add(10);
  const first = await test.take(3, { token: "wrk_a:again" });
  expect(await test.take(3, { token: "wrk_a:again" })).toEqual(first);
  expect(await test.take(3)).toHaveLength(3);
  expect((await test.order.figures()).started.async).toEqual({ jobs: 6, tokens: 600 });
});

it("what was handed back is served first, and counted once", async () => {
  const test = new OrderUnderTest(redis);
  await test.add(3);
  const [id] = await test.take(1, { workerId: "wrk_x" });
  expect(await test.queue.handBackJobsOf("wrk_x")).toBe(1);
  expect(await test.queue.place(id as never)).toEqual({ position: 0, positionInClass: 0 });
  expect(await test.take(1)).toEqual([id]);
  expect((await test.order.figures()).started.async.jobs).toBe(1);
});
