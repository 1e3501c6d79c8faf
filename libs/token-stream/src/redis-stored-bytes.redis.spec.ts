import { redisKeys } from "@expert-router/contracts";
import { startRedis, type TestRedis } from "@expert-router/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisStoredBytes } from "./redis-stored-bytes.js";

const retention = { syncMs: 600_000, jobsMs: 86_400_000 };
let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe("the bytes of a tenant", () => {
  it("are added up over processes, and known at once where they were added", async () => {
    const [one, two] = [new RedisStoredBytes(redis, retention), new RedisStoredBytes(redis, retention)];
    one.add("t1", "sync", 100);
    one.add("t1", "job", 30);
    two.add("t1", "sync", 5);
    expect(one.total("t1").bytes).toBe(130);
    await Promise.all([one.count(), two.count()]);
    await one.count();
    expect(one.total("t1").bytes).toBe(135);
    expect(one.total("t2").bytes).toBe(0);
    const { firstExpiryMs } = one.total("t1");
    expect(firstExpiryMs).toBeGreaterThan(540_000);
    expect(firstExpiryMs).toBeLessThanOrEqual(660_000);
  });

  it("are forgotten when they expire, and leave nothing behind", async () => {
    const stored = new RedisStoredBytes(redis, retention);
    stored.add("t3", "job", 40);
    await stored.count();
    const key = redisKeys.tenantBytes("t3");
    await redis.hset(key, String(Date.now() - 1), 1_000);
    await stored.count();
    expect(stored.total("t3").bytes).toBe(40);
    expect(await redis.hlen(key)).toBe(1);
    const ttlMs = await redis.pttl(key);
    expect(ttlMs).toBeGreaterThan(86_300_000);
    expect(ttlMs).toBeLessThan(86_400_000 * 1.04);
  });

  it("are told once, however often it is tried while Redis does not answer", async () => {
    const stored = new RedisStoredBytes(redis, retention);
    stored.add("t6", "sync", 2_000);
    await redis.client("PAUSE", 300);
    await Promise.all(Array.from({ length: 10 }, () => stored.count()));
    const fields = await redis.hgetall(redisKeys.tenantBytes("t6"));
    expect(Object.values(fields)).toEqual(["2000"]);
    expect(stored.total("t6").bytes).toBe(2_000);
  });

  it("take few fields, however many are added", async () => {
    const stored = new RedisStoredBytes(redis, retention);
    for (let i = 0; i < 100; i++) {
      stored.add("t4", "sync", 1);
      stored.add("t4", "job", 1);
      await stored.count();
    }
    expect(stored.total("t4").bytes).toBe(200);
    expect(await redis.hlen(redisKeys.tenantBytes("t4"))).toBeLessThanOrEqual(4);
  });

  it("are told again when Redis did not hear them", async () => {
    const stored = new RedisStoredBytes(redis, retention);
    stored.add("t5", "sync", 7);
    await redis.config("SET", "maxmemory", "1");
    await expect(stored.count()).rejects.toThrow(/OOM/);
    await redis.config("SET", "maxmemory", "0");
    expect(stored.total("t5").bytes).toBe(7);
    await stored.count();
    expect(stored.total("t5").bytes).toBe(7);
  });
});
