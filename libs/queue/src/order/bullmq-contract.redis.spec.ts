/** What the scripts of the order assume of BullMQ; a new version that does otherwise fails here. */
import { bullmqPrefix, expertQueueName, newRequestId } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { Job, Queue, QueueEvents, Worker } from "bullmq";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bullmqJobOptions, bullmqQueueSettings } from "../bullmq-settings.js";
import { OrderUnderTest, startBench } from "../testing/order-bench.js";

let bench: Awaited<ReturnType<typeof startBench>>;
let redis: RedisClient;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  bench = await startBench();
  redis = bench.redis;
});
afterAll(async () => {
  await Promise.all(closing.map((each) => each.close()));
  await bench.stop();
});

function queueOf(test: OrderUnderTest): Queue {
  const queue = new Queue(expertQueueName(test.expert), { connection: redis, ...bullmqQueueSettings });
  closing.push(queue);
  return queue;
}

it("a job that is queued here looks like one that BullMQ added", async () => {
  const test = new OrderUnderTest(redis);
  const queue = queueOf(test);
  const [ours] = await test.add(1, { priorityClass: "batch" });
  const theirs = newRequestId();
  await queue.add("request", {}, { jobId: theirs, priority: 20 });
  const [a, b] = await Promise.all([ours, theirs].map((id) => redis.hgetall(test.key(id as string))));
  expect(Object.keys(a ?? {}).toSorted()).toEqual(Object.keys(b ?? {}).toSorted());
  expect({ ...a, data: "", timestamp: "" }).toMatchObject({ name: "request", delay: "0", priority: "20" });
  expect(Object.keys(JSON.parse(a?.["opts"] ?? "") as object).toSorted()).toEqual(
    Object.keys(JSON.parse(b?.["opts"] ?? "") as object).toSorted(),
  );
  const scores = await redis.zrange(test.key("prioritized"), "0", "-1", "WITHSCORES");
  expect(scores.flat().map(String)).toEqual([ours, `${20 * 2 ** 32 + 1}`, theirs, `${20 * 2 ** 32 + 2}`]);
  expect(await redis.zscore(test.key("marker"), "0")).toBe("0");
  expect((await Job.fromId(queue, ours as string))?.opts.priority).toBe(20);
  expect(await queue.getJobState(ours as string)).toBe("prioritized");
});

it("a job that is taken here is settled, put off and put back by BullMQ as one that it took itself", async () => {
  const test = new OrderUnderTest(redis);
  const queue = queueOf(test);
  const worker = new Worker(expertQueueName(test.expert), null, {
    connection: redis,
    prefix: bullmqPrefix,
    autorun: false,
  });
  closing.push(worker);
  const ids = await test.add(4);
  const mine = await test.take(3);
  const theirs = await worker.getNextJob("wrk_b:1", { block: false });
  expect([...mine, theirs?.id ?? ""].toSorted()).toEqual(ids.toSorted());
  const [a, b] = await Promise.all([mine[0], theirs?.id].map((id) => redis.hgetall(test.key(id as string))));
  expect(Object.keys(a ?? {}).toSorted()).toEqual(Object.keys(b ?? {}).toSorted());
  expect(await redis.get(test.key(`${mine[0]}:lock`))).toBe(test.tokens.get(mine[0] as string));
  expect(await queue.getJobState(mine[0] as string)).toBe("active");

  const jobs = mine.map((id) => new Job(worker, "request", {}, bullmqJobOptions, id));
  const token = test.tokens.get(mine[0] as string) as string;
  const [done, later, back] = jobs as [Job, Job, Job];
  await done.moveToCompleted("", token, false);
  expect(await redis.exists(test.key(done.id as string))).toBe(0);
  await later.moveToDelayed(Date.now() + 20, token);
  expect(await queue.getJobState(later.id as string)).toBe("delayed");
  await redis.del(test.key("marker"));
  await back.moveToWait(token);
  expect(await redis.lrange(test.key("wait"), 0, -1)).toEqual([back.id]);
  expect(await redis.exists(test.key("marker"))).toBe(1);

  expect(await test.take(1)).toEqual([back.id]);
  await expect.poll(() => test.take(1)).toEqual([later.id]);
  expect(await redis.zcard(test.key("delayed"))).toBe(0);
});

it("a job that is told done leaves nothing behind, and is announced as BullMQ announces it", async () => {
  const test = new OrderUnderTest(redis);
  const announced: unknown[] = [];
  const events = new QueueEvents(expertQueueName(test.expert), {
    connection: redis,
    prefix: bullmqPrefix,
    lastEventId: "0-0",
  });
  closing.push(events);
  events.on("completed", (event) => announced.push(event));
  const [done, retaken] = await test.add(2);
  await test.take(2);
  await redis.sadd(test.key("stalled"), done as string);
  await redis.set(test.key(`${retaken}:lock`), "another");
  const told = [done, retaken].map((id) => test.ended(id as string));
  // Twice, as when the answer to the first call is lost.
  for (let times = 0; times < 2; times++) await test.take(0, { ended: told });
  expect(await redis.exists(test.key(done as string))).toBe(0);
  expect(await redis.exists(test.key(`${done}:lock`))).toBe(0);
  expect(await redis.scard(test.key("stalled"))).toBe(0);
  expect(await redis.lrange(test.key("active"), 0, -1)).toEqual([retaken]);
  expect(await redis.exists(test.key(retaken as string))).toBe(1);
  await expect.poll(() => announced).toEqual([{ jobId: done, returnvalue: "" }]);
});

it("a job that stalls comes back", async () => {
  const test = new OrderUnderTest(redis);
  const [id] = await test.add(1);
  await test.take(1);
  await redis.del(test.key(`${id}:lock`));
  const worker = new Worker(expertQueueName(test.expert), null, {
    connection: redis,
    prefix: bullmqPrefix,
    autorun: false,
    stalledInterval: 50,
    maxStalledCount: 10,
  });
  closing.push(worker);
  worker.on("error", () => undefined);
  await worker.startStalledCheckTimer();
  await expect.poll(() => test.take(1), { timeout: 3_000 }).toEqual([id]);
});

it("the events that nobody reads are bounded", async () => {
  const test = new OrderUnderTest(redis);
  await test.add(400);
  await test.take(64);
  // `MAXLEN ~` keeps whole nodes of a stream.
  expect(await redis.xlen(test.key("events"))).toBeLessThan(300);
});
