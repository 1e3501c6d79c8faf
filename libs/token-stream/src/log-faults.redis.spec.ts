import { describe, expect, it, beforeAll, afterAll } from "vitest";
import { redisKeys, type RequestId } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { completed, record, Recorder, startLog, type LogFixture } from "./testing/log-fixture.js";
import { LogWriteFailed, type AttemptWriter } from "./token-log.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

describe("the fence", () => {
  it("refuses a zombie's deltas and end, and tells it", async () => {
    const follower = await log.newFollower();
    const request = record({ exposed: true });
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    await log.store.create(request, follower.channel);
    const options = { workerId: "wrk_2", continues: ["/v1/chat/completions"] } as const;
    const zombie = (await log.newPublisher().open(request.id, options)).writer as AttemptWriter;
    zombie.append("one ");
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    const second = await log.open(request.id);
    expect(second.mode).toBe("continue");
    expect(second.accepted).toEqual(["one "]);
    zombie.append("never ");
    await waitFor("the abort", () => zombie.signal.aborted);
    expect(await zombie.close(completed)).toBe("refused");
    second.writer.append("two");
    expect(await second.writer.close(completed)).toBe("closed");
    expect((await sink.ended()).text).toBe("one two");
  });

  it("lets exactly one of many closers win", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    const results = await Promise.all([
      writer.close(completed),
      ...Array.from({ length: 20 }, () => log.store.close(request.id, { status: "cancelled" })),
    ]);
    expect(results.filter((result) => result === "closed")).toHaveLength(1);
    expect(await log.redis.xlen(redisKeys.log(request.id))).toBe(2);
  });

  it("takes nothing after the end, and opens no attempt", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    await log.store.close(request.id, { status: "cancelled" });
    writer.append("late");
    await waitFor("the abort", () => writer.signal.aborted);
    expect((await log.open(request.id)).mode).toBe("closed");
    expect((await log.store.read(request.id))?.status).toBe("cancelled");
  });

  it("is noticed by an idle attempt that looks, when the message about it was lost", async () => {
    const [closed, open_] = [record(), record()];
    await log.store.create(closed);
    await log.store.create(open_);
    const [first, second] = [(await log.open(closed.id)).writer, (await log.open(open_.id)).writer];
    await log.store.close(closed.id, { status: "cancelled" });
    await log.publisher.recheck();
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
  });

  it("takes an entry that was sent twice for what it is", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    // The client library sends a command again when its reply was lost: Redis has the entry already.
    const key = redisKeys.log(request.id);
    const [[, opening]] = (await log.redis.xrange(key, "1-0", "1-0")) as [[string, string[]]];
    await log.redis.xadd(key, "1-1", "d", JSON.stringify(["once"]), "p", opening[3] as string);
    writer.append("once");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(writer.signal.aborted).toBe(false);
    expect(await writer.close(completed)).toBe("closed");
  });

  it("aborts a writer whose log has expired, and creates no new one", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    await log.redis.del(redisKeys.log(request.id), redisKeys.meta(request.id));
    writer.append("lost");
    await waitFor("the abort", () => writer.signal.aborted);
    expect(await log.redis.exists(redisKeys.log(request.id))).toBe(0);
  });
});

describe("a Redis that refuses or forgets", () => {
  it("leaves the log open when it has no memory for an entry, and the next attempt goes on", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    writer.append("one ");
    await waitFor("the first entry", async () => (await log.redis.xlen(redisKeys.log(request.id))) === 2);
    await log.onEveryServer((server) => server.config("SET", "maxmemory", "1"));
    writer.append("lost");
    await waitFor("the abort", () => writer.signal.aborted);
    await log.onEveryServer((server) => server.config("SET", "maxmemory", "0"));
    expect(writer.signal.reason).toBeInstanceOf(LogWriteFailed);
    await expect(writer.close(completed)).rejects.toBeInstanceOf(LogWriteFailed);
    const second = await log.open(request.id);
    expect([second.mode, second.accepted]).toEqual(["continue", ["one "]]);
    expect(await second.writer.close(completed)).toBe("closed");
  });

  it("keeps the order of an entry and the end when the scripts were forgotten", async () => {
    const [first, other] = [record(), record()];
    await log.store.create(first);
    await log.store.create(other);
    const { writer } = await log.open(first.id);
    const warm = (await log.open(other.id)).writer;
    warm.append("warm");
    await warm.close(completed);
    await log.onEveryServer((server) => server.script("FLUSH"));
    // The close script is known again before the append script is.
    await log.store.close(other.id, { status: "cancelled" });
    writer.append("first ");
    await new Promise((resolve) => setImmediate(resolve));
    writer.append("second");
    expect(await writer.close(completed)).toBe("closed");
    const sink = new Recorder();
    (await log.newFollower()).follow(first.id, sink);
    expect((await sink.ended()).text).toBe("first second");
    expect(sink.terminal).toEqual(completed);
  });

  it("shows a hole in a log as an error, never as a whole answer", async () => {
    const request = record();
    await log.store.create(request);
    await log.open(request.id);
    await log.redis.xadd(redisKeys.log(request.id), "1-2", "d", JSON.stringify(["behind the hole"]));
    await log.store.close(request.id, completed);
    const sink = new Recorder();
    (await log.newFollower()).follow(request.id, sink);
    expect((await sink.ended()).error).toMatchObject({ code: "internal_error" });
    expect(sink.terminal).toBeUndefined();
  });
});

it("followers that leave while they wait for their turn let the others have theirs", async () => {
  const follower = await log.newFollower();
  const ids: RequestId[] = [];
  for (let i = 0; i < 200; i++) {
    const request = record();
    ids.push(request.id);
    await log.store.create(request);
    await log.open(request.id);
    await log.store.close(request.id, completed);
  }
  const sinks = ids.map(() => new Recorder());
  const followings = ids.map((id, i) => follower.follow(id, sinks[i] as Recorder));
  for (const following of followings.slice(64, 192)) following.stop();
  const staying = [...sinks.slice(0, 64), ...sinks.slice(192)];
  await Promise.all(staying.map((sink) => sink.ended()));
  expect(staying.every((sink) => sink.terminal !== undefined)).toBe(true);
});
