import { newRequestId, redisKeys } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BullmqDeliveryQueue } from "./bullmq-delivery-queue.js";
import type { DeliveryAttempt } from "./delivery-queue.js";
import { webhookServers } from "./testing/webhook-servers.js";
import { RedisWebhookRecords } from "./webhook-records.js";

let server: { readonly url: string; stop(): Promise<void> };
let redis: RedisClient;
let queues: BullmqDeliveryQueue[] = [];
beforeAll(async () => {
  server = await webhookServers.start();
  redis = connectRedis(server.url, { mode: "wait", name: "test", onError: () => undefined });
});
afterEach(async () => {
  await Promise.all(queues.map((each) => each.stop()));
  queues = [];
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function queue(): BullmqDeliveryQueue {
  const made = new BullmqDeliveryQueue({
    producer: redis,
    consumer: redis,
    firstRetryMs: 20,
    maxAttempts: 3,
    onError: () => undefined,
  });
  queues.push(made);
  return made;
}

describe("the queue of deliveries", () => {
  it("delivers what several ingresses queue once, by any of them", async () => {
    const [one, two] = [queue(), queue()];
    const got: DeliveryAttempt[] = [];
    const deliver = async (attempt: DeliveryAttempt): Promise<"settled"> => {
      got.push(attempt);
      return "settled";
    };
    await Promise.all([one.start(deliver), two.start(deliver)]);
    const ids = Array.from({ length: 20 }, () => newRequestId());
    await Promise.all(ids.flatMap((id) => [one.enqueue(id), two.enqueue(id)]));
    await waitFor("all came", () => got.length >= 20);
    // Late, when it is delivered already.
    await Promise.all(ids.map((id) => two.enqueue(id)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(got.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(new Set(got.map(({ attempt, isLast }) => `${attempt} ${isLast}`))).toEqual(new Set(["1 false"]));
  });

  it("tries again until it is settled, or the last attempt has failed", async () => {
    const got: DeliveryAttempt[] = [];
    const one = queue();
    const [settling, failing] = [newRequestId(), newRequestId()];
    await one.start(async (attempt) => {
      got.push(attempt);
      if (attempt.id === failing && attempt.attempt === 1) throw new Error("Redis is away");
      return attempt.id === settling && attempt.attempt === 2 ? "settled" : "again";
    });
    await Promise.all([one.enqueue(settling), one.enqueue(failing)]);
    await waitFor("the last attempt", () => got.some(({ isLast }) => isLast));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const attempts = (id: string): number[] =>
      got.filter((tried) => tried.id === id).map(({ attempt }) => attempt);
    expect([attempts(settling), attempts(failing)]).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });
});

describe("the records of webhooks", () => {
  it("know where a webhook goes, and note only what is there", async () => {
    const records = new RedisWebhookRecords(redis);
    const [id, gone] = [newRequestId(), newRequestId()];
    await redis.hset(redisKeys.meta(id), { webhook: JSON.stringify({ url: "https://a", secret: "s" }) });
    expect(await records.target(id)).toEqual({ url: "https://a", secret: "s" });
    expect(await records.target(gone)).toBeUndefined();
    const delivery = { url: "https://a", status: "delivered", attempts: 1, tries: [] } as const;
    await Promise.all([records.note(id, delivery), records.note(gone, delivery)]);
    expect(JSON.parse((await redis.hget(redisKeys.meta(id), "delivery"))!)).toEqual(delivery);
    expect(await redis.exists(redisKeys.meta(gone))).toBe(0);
  });

  it("name those that are due until they are forgotten", async () => {
    const records = new RedisWebhookRecords(redis);
    const [a, b] = [newRequestId(), newRequestId()];
    await redis.zadd(redisKeys.pendingWebhooks, 100, a, 200, b);
    expect(await records.due(150, 10)).toEqual([a]);
    await records.lookAgain([a], 300);
    expect(await records.due(250, 10)).toEqual([b]);
    await records.forget([b]);
    await records.lookAgain([b], 100);
    expect(await records.due(400, 10)).toEqual([a]);
  });
});
