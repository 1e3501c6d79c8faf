/** Commands that the client library sends again after a reconnect, because it never heard the answer. */
import { redisKeys, type RequestId } from "@expert-router/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openScript } from "./scripts.js";
import { completed, record, startLog, type LogFixture } from "./testing/log-fixture.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

async function newRequest(): Promise<RequestId> {
  const request = record();
  await log.store.create(request);
  return request.id;
}

describe("what is sent twice", () => {
  it("opens one attempt", async () => {
    const id = await newRequest();
    const keys = [redisKeys.meta(id), redisKeys.log(id)];
    const open = () => openScript.run(log.redis, keys, [id, "wrk_1", "", Date.now(), "pen1"]);
    expect(await open()).toEqual(await open());
    expect(await log.redis.hget(redisKeys.meta(id), "attempts")).toBe("1");
    expect(await log.redis.xlen(redisKeys.log(id))).toBe(1);
  });

  it("closes as its attempt wanted, and another end is refused", async () => {
    const { writer } = await log.open(await newRequest());
    writer.append("all of it");
    expect(await writer.close(completed)).toBe("closed");
    expect(await writer.close(completed)).toBe("closed");
    expect(await writer.close({ status: "failed" })).toBe("refused");
  });

  it("writes a lost record again, also where a part of it is there", async () => {
    const request = record({ kind: "sync" });
    await log.redis.xadd(redisKeys.log(request.id), "1-0", "o", "fresh");
    for (let time = 0; time < 2; time++) await log.store.create(request, undefined, { afterEpoch: 2 });
    expect(await log.redis.xlen(redisKeys.log(request.id))).toBe(2);
    expect(await log.redis.pttl(redisKeys.log(request.id))).toBeGreaterThan(0);
    expect(await log.open(request.id)).toMatchObject({ mode: "fresh", attempt: 1 });
  });
});

describe("what comes late", () => {
  it("leaves no record behind that nobody would ever remove", async () => {
    const id = await newRequest();
    const { writer } = await log.open(id);
    await log.redis.del(redisKeys.meta(id));
    await writer.release({ uncounted: true });
    expect(await log.redis.exists(redisKeys.meta(id))).toBe(0);
  });
});

it("an attempt behind a restart that wrote nothing is no interruption: what was voided does not count", async () => {
  const id = await newRequest();
  const first = await log.open(id, []);
  first.writer.append("never seen");
  await first.writer.release();
  const second = await log.open(id, []);
  expect(second.mode).toBe("restart");
  const follower = await log.newFollower();
  follower.follow(id, {
    deltas: () => true,
    restart: () => undefined,
    end: () => undefined,
    fail: () => undefined,
  });
  await expect.poll(() => log.redis.hget(redisKeys.meta(id), "exposed")).toBe("1");
  expect((await log.open(id, [])).mode).toBe("fresh");
});
