import { redisKeys, type WorkerReport } from "@expert-router/contracts";
import { connectRedis, connectSubscriber, type RedisClient } from "@expert-router/redis";
import { startRedis, waitFor, type TestRedis } from "@expert-router/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisWorkerRegistry } from "./redis-worker-registry.js";

let server: TestRedis;
let redis: RedisClient;
let expert: string;
let experts = 0;
let handedBack: string[];
let registry: RedisWorkerRegistry;
let subscribers: RedisClient[] = [];

const connection = { name: "registry-spec", onError: () => undefined };
const vanishedMs = 200;
const patienceMs = 600;
const graceMs = 300;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, { ...connection, mode: "wait" });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  expert = `expert-${++experts}`;
  handedBack = [];
  registry = new RedisWorkerRegistry(redis, {
    vanishedMs,
    patienceMs,
    graceMs,
    handBack: async (_expert, workerId) => handedBack.push(workerId),
  });
});
afterEach(() => {
  for (const subscriber of subscribers) subscriber.disconnect();
  subscribers = [];
});

function report(id: string): WorkerReport {
  return {
    id,
    expert,
    host: "here",
    pid: 1,
    startedAtMs: 0,
    state: "running",
    engineHealthy: true,
    engineCircuit: "closed",
    engineKind: "sim",
    engineModel: "simulated",
    running: 0,
    concurrency: 1,
    credits: 1,
    finished: 0,
  };
}

/** Subscribes as a worker does, and beats once. */
async function appear(id: string): Promise<RedisClient> {
  const subscriber = connectSubscriber(server.url, connection);
  subscribers.push(subscriber);
  await subscriber.subscribe(redisKeys.presenceChannel(id));
  await registry.beat(report(id));
  return subscriber;
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe("the registry", () => {
  it("takes a worker for dead whose connection is gone and whose beat is missed, long before its silence would tell", async () => {
    const dies = await appear("wrk_dies");
    await appear("wrk_frozen");
    const startedAtMs = performance.now();
    dies.disconnect();
    await waitFor("the dead one", async () => (await registry.reap(expert)) === 1, { intervalMs: 10 });
    expect(performance.now() - startedAtMs).toBeLessThan(patienceMs);
    expect(handedBack).toEqual(["wrk_dies"]);
  });

  it("believes a beat more than a connection", async () => {
    const cut = await appear("wrk_cut");
    cut.disconnect();
    for (let i = 0; i < 8; i++) {
      await pass(vanishedMs / 4);
      await registry.beat(report("wrk_cut"));
      await registry.reap(expert);
    }
    expect(handedBack).toEqual([]);
  });

  it("does not miss a connection that this server never had: after a failover, workers are yet to come", async () => {
    await registry.beat(report("wrk_elsewhere"));
    await redis.hset(redisKeys.presences(expert), "wrk_elsewhere", "0".repeat(40));
    await pass(vanishedMs + 50);
    expect(await registry.reap(expert)).toBe(0);
  });

  it("suspects the silent, hears those that beat again, and takes the others for dead", async () => {
    await appear("wrk_thaws");
    await appear("wrk_frozen");
    await pass(patienceMs + 50);
    // As after an outage of Redis: everybody has been silent for too long.
    expect(await registry.reap(expert)).toBe(0);
    expect(await registry.alive(expert)).toEqual([]);
    await registry.beat(report("wrk_thaws"));
    expect((await registry.alive(expert)).map(({ id }) => id)).toEqual(["wrk_thaws"]);
    await pass(graceMs + 50);
    expect(await registry.reap(expert)).toBe(1);
    expect(handedBack).toEqual(["wrk_frozen"]);
    expect(await registry.reap(expert)).toBe(0);
  });

  it("forgets a worker that leaves", async () => {
    await appear("wrk_x");
    await registry.leave(expert, "wrk_x");
    expect(await registry.alive(expert)).toEqual([]);
    await pass(vanishedMs + 50);
    expect(await registry.reap(expert)).toBe(0);
    expect(await redis.keys(`er:{workers-${expert}}:*`)).toEqual([]);
  });
});
