import { newRequestId, type RequestId } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { Job } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { BullmqExpertConsumer } from "./bullmq-expert-consumer.js";
import { BullmqExpertQueue } from "./bullmq-expert-queue.js";
import type { JobOutcome, TakenJob } from "./expert-queue.js";
import { plainPolicy, type SchedulingPolicy } from "./scheduling-policy.js";
import { queueServers } from "./testing/queue-servers.js";

let server: { readonly url: string; stop(): Promise<void> };
let redis: RedisClient;
let queue: BullmqExpertQueue;
let consumers: BullmqExpertConsumer[] = [];
let expert: string;
let experts = 0;

beforeAll(async () => {
  server = await queueServers.start();
  redis = connectRedis(server.url, { mode: "wait", name: "queue-spec", onError: () => undefined });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  expert = `expert-${++experts}`;
  queue = BullmqExpertQueue.create(expert, redis);
});
afterEach(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close()));
  consumers = [];
  await queue.close();
});

async function consume(
  work: (job: TakenJob) => Promise<JobOutcome>,
  options: { workerId?: string; concurrency?: number; policy?: SchedulingPolicy } = {},
): Promise<BullmqExpertConsumer> {
  const consumer = new BullmqExpertConsumer({
    expert,
    redis,
    workerId: options.workerId ?? "wrk_a",
    concurrency: options.concurrency ?? 10,
    policy: options.policy ?? plainPolicy,
    onError: () => undefined,
  });
  consumers.push(consumer);
  await consumer.start(work);
  return consumer;
}

async function enqueue(
  count: number,
  priorityClass: TakenJob["priorityClass"] = "interactive",
): Promise<RequestId[]> {
  const ids = Array.from({ length: count }, () => newRequestId());
  for (const id of ids) await queue.enqueue({ id, priorityClass, tenant: "default", expectedTokens: 100 });
  return ids;
}

async function depth(): Promise<Record<TakenJob["priorityClass"], number>> {
  const { waiting } = await queue.figures();
  return {
    interactive: waiting.interactive.jobs,
    async: waiting.async.jobs,
    batch: waiting.batch.jobs,
  };
}

const never = new Promise<JobOutcome>(() => undefined);

describe("an expert's queue", () => {
  it("gives each job to one worker, in order, and forgets it", async () => {
    const taken: string[] = [];
    const ids = await enqueue(50);
    for (const workerId of ["wrk_a", "wrk_b"]) {
      await consume(async (job) => (taken.push(job.id), { type: "done" }), { workerId, concurrency: 1 });
    }
    await waitFor("all jobs", () => taken.length === 50);
    expect([...taken].sort()).toEqual([...ids].sort());
    expect(new Set(taken).size).toBe(50);
    await waitFor("no job key", async () => (await redis.keys(`er:{${expert}}:req_*`)).length === 0);
  });

  it("takes an id that is queued already for the same job", async () => {
    const id = newRequestId();
    for (let i = 0; i < 3; i++)
      await queue.enqueue({ id, priorityClass: "interactive", tenant: "default", expectedTokens: 100 });
    expect((await depth()).interactive).toBe(1);
  });

  it("serves interactive before async before batch", async () => {
    const [batch] = await enqueue(1, "batch");
    const [asynchronous] = await enqueue(1, "async");
    const [interactive] = await enqueue(1, "interactive");
    expect(await depth()).toEqual({ interactive: 1, async: 1, batch: 1 });
    const taken: TakenJob[] = [];
    await consume(async (job) => (taken.push(job), { type: "done" }), { concurrency: 1 });
    await waitFor("all jobs", () => taken.length === 3);
    expect(taken.map((job) => job.id)).toEqual([interactive, asynchronous, batch]);
    expect(taken.map((job) => job.priorityClass)).toEqual(["interactive", "async", "batch"]);
  });

  it("knows positions, across classes", async () => {
    const asynchronous = await enqueue(2, "async");
    const interactive = await enqueue(3);
    const places = await Promise.all([...interactive, ...asynchronous].map((id) => queue.place(id)));
    expect(places.map((place) => place?.position)).toEqual([0, 1, 2, 3, 4]);
    expect(places.map((place) => place?.positionInClass)).toEqual([0, 1, 2, 0, 1]);
    expect(await queue.place(newRequestId())).toBeUndefined();
  });

  it("removes what waits and refuses what runs", async () => {
    const [running, waiting] = (await enqueue(2)) as [RequestId, RequestId];
    const consumer = await consume(() => never, { concurrency: 1 });
    await waitFor("one running", () => consumer.running === 1);
    expect(await queue.remove(waiting)).toBe(true);
    expect(await queue.remove(running)).toBe(false);
    expect(await depth()).toEqual({ interactive: 0, async: 0, batch: 0 });
  });

  it("runs no more at once than it has room for, and obeys a change of that", async () => {
    await enqueue(20);
    const finish: (() => void)[] = [];
    const consumer = await consume(
      () => new Promise((resolve) => finish.push(() => resolve({ type: "done" }))),
      {
        concurrency: 3,
      },
    );
    await waitFor("three running", () => consumer.running === 3);
    consumer.resize(5);
    await waitFor("five running", () => consumer.running === 5);
    consumer.resize(0);
    for (const each of finish.splice(0)) each();
    await waitFor("none running", () => consumer.running === 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(consumer.running).toBe(0);
    expect((await depth()).interactive).toBe(15);
  });

  it("forgets what ends while it takes nothing, or has nothing to take", async () => {
    const finish: (() => void)[] = [];
    const consumer = await consume(
      () => new Promise((resolve) => finish.push(() => resolve({ type: "done" }))),
    );
    const [first, second] = (await enqueue(2)) as [RequestId, RequestId];
    await waitFor("two running", () => consumer.running === 2);
    finish[0]?.();
    await waitFor("one job's end", async () => !(await queue.has(first)), { timeoutMs: 500 });
    consumer.resize(1);
    consumer.resize(0);
    finish[1]?.();
    await waitFor("the other's end", async () => !(await queue.has(second)), { timeoutMs: 500 });
    expect(consumer.running).toBe(0);
  });

  it("gives a place to batch work as soon as there is one beside those left free", async () => {
    await enqueue(1, "interactive");
    await enqueue(12, "batch");
    const running: (() => void)[] = [];
    let started = 0;
    await consume(
      ({ priorityClass }) => {
        if (priorityClass === "interactive") return never;
        started += 1;
        return new Promise((resolve) => running.push(() => resolve({ type: "done" })));
      },
      { concurrency: 4, policy: { ...plainPolicy, headroom: 0.25 } },
    );
    await waitFor("two beside the free place", () => started === 2);
    // It sleeps for a second when it is not woken.
    for (let ended = 1; ended <= 6; ended++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      running.shift()!();
      await waitFor("the next one", () => started === 2 + ended, { timeoutMs: 500 });
    }
    expect(await depth()).toEqual({ interactive: 0, async: 0, batch: 4 });
  });

  it.each(["interactive", "async"] as const)(
    "hands an %s job back to an idle worker at once",
    async (priorityClass) => {
      const [id] = await enqueue(1, priorityClass);
      const first = await consume(async () => ({ type: "hand-back" }), { workerId: "wrk_a" });
      await waitFor(
        "the hand-back",
        async () => (await queue.place(id as RequestId))?.position === 0 || first.running === 0,
      );
      await first.stopPulling();
      let takenAtMs = 0;
      const startedAtMs = performance.now();
      await consume(async () => ((takenAtMs = performance.now()), { type: "done" }), { workerId: "wrk_b" });
      await waitFor("the second worker", () => takenAtMs > 0);
      expect(takenAtMs - startedAtMs).toBeLessThan(1_500);
    },
  );

  it("offers a job again after its delay", async () => {
    await enqueue(1);
    const times: number[] = [];
    await consume(async () => {
      times.push(performance.now());
      return times.length === 1 ? { type: "retry", delayMs: 200 } : { type: "done" };
    });
    await waitFor("the second try", () => times.length === 2);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(190);
  });

  it("offers a job again when its work throws", async () => {
    await enqueue(1);
    let tries = 0;
    await consume(async () => {
      tries += 1;
      if (tries === 1) throw new Error("no");
      return { type: "done" };
    });
    await waitFor("the second try", () => tries === 2);
    expect(await depth()).toEqual({ interactive: 0, async: 0, batch: 0 });
  });

  it("stops pulling and leaves the rest in the queue", async () => {
    let finish = (): void => undefined;
    const consumer = await consume(
      () => new Promise((resolve) => (finish = () => resolve({ type: "done" }))),
      {
        concurrency: 1,
      },
    );
    const [running] = await enqueue(3);
    await waitFor("one running", () => consumer.running === 1);
    const stopped = consumer.stopPulling();
    finish();
    await stopped;
    await consumer.idle();
    expect((await depth()).interactive).toBe(2);
    expect(await queue.has(running as RequestId)).toBe(false);
  });

  it("hands back while it stops, also when Redis refuses that at first", async () => {
    let finish = (): void => undefined;
    const consumer = await consume(
      () => new Promise((resolve) => (finish = () => resolve({ type: "hand-back" }))),
    );
    await enqueue(1);
    await waitFor("it runs", () => consumer.running === 1);
    await consumer.stopPulling();
    const refuse = new Error("LOADING Redis is loading the dataset in memory");
    const handBack = vi.spyOn(Job.prototype, "moveToWait").mockRejectedValueOnce(refuse);
    finish();
    await consumer.idle();
    expect(handBack).toHaveBeenCalledTimes(2);
    handBack.mockRestore();
    expect((await depth()).interactive).toBe(1);
  });

  it("hands back what a worker still runs: a job that it takes again is not settled by its first run", async () => {
    const [id] = (await enqueue(1)) as [RequestId];
    const finish: (() => void)[] = [];
    const slow = await consume(() => new Promise((resolve) => finish.push(() => resolve({ type: "done" }))), {
      workerId: "wrk_slow",
    });
    await waitFor("the first run", () => finish.length === 1);
    expect(await queue.handBackJobsOf("wrk_slow")).toBe(1);
    await waitFor("the second run", () => finish.length === 2);
    finish[0]?.();
    await waitFor("the first run's end", () => slow.running === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await redis.exists(`er:{${expert}}:${id}`)).toBe(1);
    finish[1]?.();
    await waitFor("the job's end", async () => (await redis.exists(`er:{${expert}}:${id}`)) === 0);
  });
});
