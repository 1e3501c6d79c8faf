import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRedis, type TestRedis } from "./start-redis.js";

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ durable: true });
  redis = new Redis(server.url, { retryStrategy: () => 20 });
  redis.on("error", () => undefined);
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe("startRedis", () => {
  it("never uses the port of a system's Redis", () => {
    expect(server.port).not.toBe(6379);
  });

  it("comes back on the same port with what it knew", async () => {
    await redis.set("a", "1");
    const before = server.pid;
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await redis.get("a")).toBe("1");
  });
});
