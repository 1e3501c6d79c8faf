import { newRequestId, redisKeys, type DeadLetter } from "@expert-router/contracts";
import { startRedis, type TestRedis } from "@expert-router/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisDeadLetters } from "./redis-dead-letters.js";

let server: TestRedis;
let redis: Redis;
let nowMs: number;
let letters: RedisDeadLetters;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  nowMs = 1_000_000;
  letters = new RedisDeadLetters(redis, { keptMs: 10_000, maxPerExpert: 3, now: () => nowMs });
});

async function add(): Promise<DeadLetter> {
  const letter: DeadLetter = {
    id: newRequestId(),
    expert: "code",
    code: "engine_error",
    attempts: 3,
    failedAtMs: (nowMs += 1),
  };
  await redis.hset(redisKeys.meta(letter.id), { status: "failed", body: "{}" });
  await letters.add(letter);
  return letter;
}

const hasBody = async ({ id }: DeadLetter): Promise<boolean> =>
  (await redis.hexists(redisKeys.meta(id), "body")) === 1;

describe("the dead letters of an expert", () => {
  it("are listed newest first, once each, apart from those of others", async () => {
    const [first, second] = [await add(), await add()];
    await letters.add(first);
    expect(await letters.list("code")).toEqual([second, first]);
    expect(await letters.count("code")).toBe(2);
    expect(await letters.list("general")).toEqual([]);
  });

  it("are bounded: the oldest go, and their bodies with them", async () => {
    const all = [await add(), await add(), await add(), await add(), await add()];
    expect(await letters.list("code")).toEqual(all.slice(2).toReversed());
    expect(await redis.hlen(redisKeys.deadLetters("code"))).toBe(3);
    expect(await Promise.all(all.map(hasBody))).toEqual([false, false, true, true, true]);
  });

  it("end after their time", async () => {
    await add();
    nowMs += 9_000;
    const late = await add();
    nowMs += 1_001;
    expect(await letters.list("code")).toEqual([late]);
    expect(await letters.count("code")).toBe(1);
    await add();
    expect(await redis.zcard(redisKeys.deadLettersByTime("code"))).toBe(2);
  });

  it("can be dropped, once", async () => {
    const letter = await add();
    expect(await letters.drop("code", letter.id)).toBe(true);
    expect(await letters.drop("code", letter.id)).toBe(false);
    expect(await hasBody(letter)).toBe(false);
    expect(await letters.list("code")).toEqual([]);
  });
});

describe("a replay", () => {
  it("has one claimant at a time, and one job however often it is tried", async () => {
    const { id } = await add();
    const [one, other] = [newRequestId(), newRequestId()];
    expect(await letters.claimReplay(id, one)).toEqual({ id: one, done: false });
    expect(await letters.claimReplay(id, other), "while the first is at it").toBeUndefined();
    await letters.settleReplay("code", id, false);
    expect(await letters.claimReplay(id, other), "the first failed half way").toEqual({
      id: one,
      done: false,
    });
    await letters.settleReplay("code", id, true);
    expect(await letters.replayOf(id)).toBe(one);
    expect(await letters.claimReplay(id, other)).toEqual({ id: one, done: true });
    expect(await letters.list("code")).toEqual([]);
  });

  it("of a request whose record is gone leaves nothing behind", async () => {
    const id = newRequestId();
    expect(await letters.claimReplay(id, newRequestId())).toBeUndefined();
    await letters.settleReplay("code", id, true);
    expect(await redis.exists(redisKeys.meta(id))).toBe(0);
  });
});
