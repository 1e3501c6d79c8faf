import { newBatchId } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { startRedis, waitFor, type TestRedis } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noUsage } from "./batch-result.js";
import { RedisBatchLeases } from "./redis-batch-leases.js";

let server: TestRedis;
let redis: RedisClient;
beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, { mode: "wait", name: "test", onError: () => undefined });
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

describe("RedisBatchLeases", () => {
  it("gives a batch to one holder until it is released or the holder is silent", async () => {
    const leases = new RedisBatchLeases(redis, 300);
    const id = newBatchId();
    const holders = ["a", "b", "c"];
    const held = await Promise.all(holders.map((holder) => leases.hold(id, holder)));
    expect(held).toEqual([true, false, false]);
    expect(await leases.hold(id, "a")).toBe(true);
    await leases.release(id, "b");
    expect(await leases.hold(id, "b")).toBe(false);
    await leases.release(id, "a");
    expect(await leases.hold(id, "b")).toBe(true);
    await waitFor("the lease runs out", () => leases.hold(id, "c"), { timeoutMs: 5_000 });
  });

  it("keeps what the holder told last", async () => {
    const leases = new RedisBatchLeases(redis, 60_000);
    const id = newBatchId();
    expect(await leases.progress(id)).toBeUndefined();
    const progress = { counts: { total: 3, completed: 1, failed: 1 }, usage: noUsage };
    await leases.hold(id, "a", progress);
    await leases.hold(id, "a");
    await leases.hold(id, "b", { ...progress, counts: { total: 3, completed: 3, failed: 0 } });
    expect(await leases.progress(id)).toEqual(progress);
  });
});
