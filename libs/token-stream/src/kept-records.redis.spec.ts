/** What some requests leave behind: webhooks to be sent, bodies that others go on from, records that are there once. */
import { newRequestId, redisKeys, requestIdBound, type RequestId } from "@expert-router/contracts";
import { connectSubscriber } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RedisRequestStore } from "./redis-request-store.js";
import { completed, record, retention, startLog, type LogFixture } from "./testing/log-fixture.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

const webhook = { url: "https://example.com/hooks?token=t", secret: "whsec_x" };
const metaOf = (id: RequestId): Promise<Record<string, string>> => log.redis.hgetall(redisKeys.meta(id));

describe("a request with a webhook", () => {
  it("is noted before it ends, and told of when its log is closed, by a worker or from outside", async () => {
    const subscriber = connectSubscriber(log.url, { name: "test", onError: () => undefined });
    const heard: string[] = [];
    subscriber.on("message", (_channel, id) => heard.push(id));
    await subscriber.subscribe(redisKeys.webhookChannel);
    const [worked, cancelled, silent] = [record({ webhook }), record({ webhook }), record()];
    for (const each of [worked, cancelled, silent]) await log.store.create(each);
    expect((await log.redis.zrange(redisKeys.pendingWebhooks, "0", "-1")).toSorted()).toEqual(
      [worked.id, cancelled.id].toSorted(),
    );
    const { writer } = await log.open(worked.id);
    await writer.close(completed);
    await log.store.close(cancelled.id, { status: "cancelled" });
    await log.store.close(silent.id, { status: "cancelled" });
    await waitFor("both are told", () => heard.length >= 2);
    expect(heard).toEqual([worked.id, cancelled.id]);
    subscriber.disconnect();
  });

  it("is read without its secret, and with how its delivery stands", async () => {
    const request = record({ webhook });
    await log.store.create(request);
    const delivery = { url: "https://example.com/hooks", status: "waiting", attempts: 0, tries: [] };
    for (const state of [await log.store.read(request.id), ...(await log.store.readMany([request.id]))]) {
      expect(state).toMatchObject({ id: request.id, delivery });
      expect(JSON.stringify(state)).not.toMatch(/whsec|token/);
    }
  });
});

describe("a job", () => {
  it("is in the list of jobs before it is there, so that what a crash leaves is never missing", async () => {
    const cut = new Proxy(log.redis, {
      get: (redis, name) => {
        if (name === "hset" || name === "evalsha" || name === "eval")
          return () => Promise.reject(new Error("cut"));
        const value: unknown = Reflect.get(redis, name);
        return typeof value === "function" ? value.bind(redis) : value;
      },
    });
    const store = new RedisRequestStore(cut, { retention });
    const tenant = newRequestId();
    const [first, second] = [record({ tenant }), record({ tenant, repeatable: true })];
    for (const each of [first, second]) await expect(store.create(each)).rejects.toThrow("cut");
    expect(await log.store.readMany([first.id, second.id])).toEqual([undefined, undefined]);
    expect(await log.store.listJobs(tenant, { limit: 10 })).toEqual([second.id, first.id]);
  });

  it("stays in the list beside younger ones as long as it may run", async () => {
    const tenant = newRequestId();
    const dayMs = 86_400_000;
    const created = Date.now() - 14 * dayMs;
    const old = record({
      id: requestIdBound(created).padEnd(30, "0") as RequestId,
      tenant,
      createdAtMs: created,
      deadlineAtMs: created + 7 * dayMs,
    });
    const young = record({ tenant });
    for (const each of [old, young]) await log.store.create(each);
    expect(await log.store.read(old.id)).toBeDefined();
    expect(await log.store.listJobs(tenant, { limit: 10 })).toEqual([young.id, old.id]);
  });
});

describe("a stored response", () => {
  const response = { background: false, stored: true, instructionMessages: 0, echo: {} };

  it("keeps its body behind its end, and nothing else does", async () => {
    const [stored, unstored, job] = [
      record({ response }),
      record({ kind: "sync", response: { ...response, stored: false } }),
      record(),
    ];
    for (const each of [stored, unstored, job]) {
      await log.store.create(each);
      await log.store.close(each.id, completed);
    }
    expect((await metaOf(stored.id))["body"]).toBe(JSON.stringify(stored.body));
    expect((await metaOf(unstored.id))["body"]).toBeUndefined();
    expect((await metaOf(job.id))["body"]).toBeUndefined();
  });

  it("is read with what it says again of its request, and without among many", async () => {
    const request = record({ response: { ...response, echo: { instructions: "Be short." } } });
    await log.store.create(request);
    expect((await log.store.read(request.id))?.response).toEqual(request.response);
    const hmget = vi.spyOn(log.redis, "hmget");
    expect((await log.store.readMany([request.id]))[0]?.response).toEqual(response);
    expect(JSON.stringify(await hmget.mock.results[0]?.value)).not.toContain("Be short.");
    hmget.mockRestore();
  });

  it("is not among the jobs of its tenant", async () => {
    const tenant = newRequestId();
    await log.store.create(record({ tenant, response }));
    const job = record({ tenant });
    await log.store.create(job);
    expect(await log.store.listJobs(tenant, { limit: 10 })).toEqual([job.id]);
  });

  it("is forgotten, its log too", async () => {
    const request = record({ response });
    await log.store.create(request);
    await log.store.close(request.id, completed);
    await log.store.forget([request.id]);
    expect(await log.store.read(request.id)).toBeUndefined();
    expect(await log.redis.exists(redisKeys.log(request.id))).toBe(0);
  });
});

describe("a repeatable request", () => {
  it("is written once, whatever has become of it", async () => {
    const request = record({ kind: "sync", repeatable: true });
    expect(await log.store.create(request)).toBe(true);
    await log.open(request.id);
    expect(await log.store.create({ ...request, body: { model: "other" } })).toBe(false);
    expect(await log.store.read(request.id)).toMatchObject({ status: "in_progress", body: request.body });
    expect(await log.redis.pttl(redisKeys.meta(request.id))).toBeGreaterThan(0);
    expect(await log.redis.zscore(redisKeys.openJobs("code"), request.id)).not.toBeNull();
  });

  it("is exposed by who shows it, and not by who waits for its end", async () => {
    const request = record({ kind: "sync", repeatable: true, continuable: false });
    await log.store.create(request);
    const follower = await log.newFollower();
    const sink = {
      deltas: () => true,
      restart: () => undefined,
      end: () => undefined,
      fail: () => undefined,
    };
    follower.follow(request.id, sink, { exposes: false });
    await waitFor("it is followed", async () => (await metaOf(request.id))["live"] !== "");
    expect((await metaOf(request.id))["exposed"]).toBe("0");
    follower.follow(request.id, sink);
    await waitFor("it is exposed", async () => (await metaOf(request.id))["exposed"] === "1");
  });
});
