import { newRequestId, type RequestId } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { FaultProxy, startRedis, waitFor, type TestRedis } from "@expert-router/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BullmqExpertConsumer } from "./bullmq-expert-consumer.js";
import { BullmqExpertQueue } from "./bullmq-expert-queue.js";

let server: TestRedis;
let proxy: FaultProxy;
let direct: RedisClient;
let proxied: RedisClient;

beforeAll(async () => {
  server = await startRedis();
  proxy = await FaultProxy.start(server.port);
  const connect = (url: string) =>
    connectRedis(url, { mode: "wait", name: "queue-spec", onError: () => undefined });
  direct = connect(server.url);
  proxied = connect(`redis://127.0.0.1:${proxy.port}`);
});
afterAll(async () => {
  proxied.disconnect();
  direct.disconnect();
  await proxy.close();
  await server.stop();
});

it("a job whose worker never heard that it has it runs as soon as the connection is back", async () => {
  const queue = BullmqExpertQueue.create("code", direct);
  const ran: RequestId[] = [];
  const consumer = new BullmqExpertConsumer({
    expert: "code",
    redis: proxied,
    workerId: "wrk_a",
    concurrency: 10,
    onError: () => undefined,
  });
  await consumer.start(async ({ id }) => {
    ran.push(id);
    return { type: "done" };
  });
  // The fetches of these are answered into the void.
  const ids = Array.from({ length: 5 }, () => newRequestId());
  proxy.set("swallow");
  for (const id of ids)
    await queue.enqueue({ id, priorityClass: "interactive", tenant: "default", expectedTokens: 100 });
  await waitFor("one is taken", async () => (await direct.llen("er:{code}:active")) > 0);
  expect(ran).toEqual([]);
  proxy.heal();
  await waitFor("all have run", () => new Set(ran).size === ids.length, { timeoutMs: 10_000 });
  expect(ran.toSorted()).toEqual(ids.toSorted());
  await consumer.close();
  await queue.close();
});
