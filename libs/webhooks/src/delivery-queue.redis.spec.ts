import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { newRequestId, redisKeys } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AttemptsUnderWay, attemptsAtOnce } from "./attempts-under-way.js";
import { BullmqDeliveryQueue } from "./bullmq-delivery-queue.js";
import type { DeliveryAttempt } from "./delivery-queue.js";
import { webhookServers } from "./testing/webhook-servers.js";
import { RedisWebhookRecords } from "./webhook-records.js";
import { WebhookSender } from "./webhook-sender.js";

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

function attemptsOf(got: readonly DeliveryAttempt[], id: string): number[] {
  return got.filter((tried) => tried.id === id).map(({ attempt }) => attempt);
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
      return attempt.id === settling && attempt.attempt === 2 ? "settled" : "again";
    });
    await Promise.all([one.enqueue(settling), one.enqueue(failing)]);
    await waitFor("the last attempt", () => got.some(({ isLast }) => isLast));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([attemptsOf(got, settling), attemptsOf(got, failing)]).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it("does not count what was not made, or failed for our own reasons", async () => {
    const got: DeliveryAttempt[] = [];
    const one = queue();
    const id = newRequestId();
    await one.start(async (attempt) => {
      got.push(attempt);
      if (got.length <= 2) throw new Error("Redis is away");
      return got.length <= 4 ? "later" : "settled";
    });
    await one.enqueue(id);
    await waitFor("it is settled", () => got.length === 5, { timeoutMs: 20_000 });
    expect(attemptsOf(got, id)).toEqual([1, 1, 1, 1, 1]);
  });

  it("ends though an attempt does not, and leaves it to another process, uncounted", async () => {
    const [one, two] = [queue(), queue()];
    const id = newRequestId();
    const begun = new Promise<DeliveryAttempt>((resolve) => {
      void one.start(async (attempt) => {
        resolve(attempt);
        await new Promise((aborted) => attempt.signal.addEventListener("abort", aborted));
        return "later";
      });
    });
    await one.enqueue(id);
    await begun;
    await one.stop();
    const got: DeliveryAttempt[] = [];
    await two.start(async (attempt) => {
      got.push(attempt);
      return "settled";
    });
    // Long before the lock of a process that died would end.
    await waitFor("the other one has it", () => got.length === 1, { timeoutMs: 20_000 });
    expect(attemptsOf(got, id)).toEqual([1]);
  });

  it("ends though an attempt does not even hear that it should", async () => {
    const one = queue();
    const begun = new Promise<void>((resolve) => {
      void one.start(() => {
        resolve();
        return new Promise(() => undefined);
      });
    });
    await one.enqueue(newRequestId());
    await begun;
    await expect(one.stop()).resolves.toBeUndefined();
  });
});

describe("a receiver that never answers", () => {
  it("does not keep the deliveries to others, though a hundred wait for it", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    const answering = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(204).end());
    }).listen(0, "127.0.0.1");
    await Promise.all([once(silent, "listening"), once(answering, "listening")]);
    const urlOf = (http: Server): string => `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
    let reached = 0;
    silent.on("request", () => (reached += 1));
    const sender = new WebhookSender({ timeoutMs: 120_000, allowPrivate: true, allowHttp: true });
    const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
    const underWay = new AttemptsUnderWay();
    const targets = new Map<string, { url: string; tenant: string }>();
    const delivered: string[] = [];
    const one = queue();
    await one.start(async ({ id, signal }) => {
      const { url, tenant } = targets.get(id)!;
      const leave = underWay.enter({ tenant, receiver: new URL(url).host });
      if (leave === undefined) return "later";
      try {
        const { outcome } = await sender.send({ url, secret, id, payload: "{}", signal });
        if (outcome === "interrupted") return "later";
        delivered.push(id);
        return "settled";
      } finally {
        leave();
      }
    });
    const target = (http: Server, tenant: string): string => {
      const id = newRequestId();
      targets.set(id, { url: urlOf(http), tenant });
      return id;
    };
    const stuck = Array.from({ length: 100 }, () => target(silent, "one"));
    await Promise.all(stuck.map((id) => one.enqueue(id)));
    await waitFor("it is tried", () => reached === attemptsAtOnce.atReceiver);
    const others = ["one", "two"].flatMap((tenant) =>
      Array.from({ length: 20 }, () => target(answering, tenant)),
    );
    await Promise.all(others.map((id) => one.enqueue(id)));
    await waitFor("others are delivered", () => delivered.length === others.length, { timeoutMs: 20_000 });
    expect(delivered.toSorted()).toEqual(others.toSorted());
    expect(reached).toBe(attemptsAtOnce.atReceiver);
    await one.stop();
    await sender.close();
    for (const http of [silent, answering]) http.close().closeAllConnections();
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
