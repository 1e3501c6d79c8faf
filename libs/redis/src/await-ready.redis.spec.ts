import { startRedis } from "@expert-router/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { awaitReady, connectBriefly } from "./await-ready.js";
import { connectRedis } from "./connect.js";

const silent = { name: "test", onError: () => undefined };
let server: Awaited<ReturnType<typeof startRedis>>;

beforeAll(async () => {
  server = await startRedis();
  const redis = connectRedis(server.url, { ...silent, mode: "wait" });
  await redis.config("SET", "requirepass", "secret");
  redis.disconnect();
});
afterAll(() => server.stop());

it.each([
  ["wait", "", "asks for a password"],
  ["fail-fast", ":wrong@", "refuses the user name or password"],
  ["brief", "", "asks for a password"],
  ["brief", ":wrong@", "refuses the user name or password"],
] as const)("a %s connection with the login '%s' is told that Redis %s", async (mode, login, words) => {
  const redis = connectRedis(`redis://${login}127.0.0.1:${server.port}`, { ...silent, mode });
  try {
    const connecting = mode === "brief" ? connectBriefly(redis) : awaitReady(redis, 60_000);
    await expect(connecting).rejects.toThrow(words);
  } finally {
    redis.disconnect();
  }
});

it("says at the end of its patience why Redis did not answer", async () => {
  const redis = connectRedis("redis://127.0.0.1:1", { ...silent, mode: "wait" });
  await expect(awaitReady(redis, 300)).rejects.toThrow("within 300 ms: connect ECONNREFUSED");
  redis.disconnect();
});
