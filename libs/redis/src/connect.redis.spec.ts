import { startRedis, waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestRedis } from "@expert-router/testing";
import { awaitReady } from "./await-ready.js";
import { connectRedis } from "./connect.js";
import { LuaScript } from "./lua-script.js";

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

it("says an outage once, and keeps what a waiting connection has to say", async () => {
  const errors: Error[] = [];
  const redis = connectRedis(server.url, {
    mode: "wait",
    name: "test",
    onError: (error) => errors.push(error),
  });
  await awaitReady(redis, 5_000);
  server.kill("SIGKILL");
  await waitFor("the outage", () => errors.length > 0);
  const kept = redis.set("key", "value");
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(errors).toHaveLength(1);
  await server.restart();
  expect(await kept).toBe("OK");
  redis.disconnect();
});

it("fails fast where it is told to", async () => {
  const redis = connectRedis(server.url, { mode: "fail-fast", name: "test", onError: () => undefined });
  await awaitReady(redis, 5_000);
  expect(await redis.ping()).toBe("PONG");
  server.kill("SIGKILL");
  await waitFor("the outage", () => redis.status !== "ready");
  const startedAt = performance.now();
  await expect(redis.ping()).rejects.toThrow();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  await server.restart();
  await waitFor("the reconnect", () => redis.status === "ready");
  redis.disconnect();
});

it("runs a script again after the server has forgotten it, by restart or by flush", async () => {
  const redis = connectRedis(server.url, { mode: "wait", name: "test", onError: () => undefined });
  const script = new LuaScript("return redis.call('INCR', KEYS[1])");
  expect(await script.run(redis, ["n"], [])).toBe(1);
  expect(await script.run(redis, ["n"], [])).toBe(2);
  await redis.script("FLUSH");
  expect(await script.run(redis, ["n"], [])).toBe(3);
  await server.restart();
  expect(await script.run(redis, ["n"], [])).toBeGreaterThanOrEqual(1);
  redis.disconnect();
});
