/** A Redis that comes back without its last writes: a promoted replica, or an append-only file that lacks a second. */
import { redisKeys, type RequestId, type RequestRecord } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completed, record, Recorder, startLog, type LogFixture } from "./testing/log-fixture.js";
import { LogWriteFailed, type AttemptWriter, type OpenedAttempt } from "./token-log.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

/** Takes the log of a request back to where it ended at `position`. */
async function forgetBehind(id: RequestId, position: string): Promise<void> {
  const key = redisKeys.log(id);
  const entries = await log.redis.xrange(key, `(${position}`, "+");
  if (entries.length > 0) await log.redis.xdel(key, ...entries.map(([entryId]) => entryId));
  await log.redis.call("XSETID", key, position);
}

async function started(overrides: Partial<RequestRecord> = {}) {
  const follower = await log.newFollower(200);
  const request = record({ exposed: true, ...overrides });
  const sink = new Recorder();
  follower.follow(request.id, sink, { owner: true });
  await log.store.create(request, follower.channel);
  const { writer } = await log.open(request.id);
  return { request, sink, writer };
}

/** Appends each delta as an entry of its own. */
async function write(writer: AttemptWriter, sink: Recorder, ...deltas: string[]): Promise<void> {
  for (const delta of deltas) {
    const before = sink.deltas_.length;
    writer.append(delta);
    await waitFor("the delta", () => sink.deltas_.length > before);
  }
}

async function openElsewhere(id: RequestId): Promise<Required<OpenedAttempt>> {
  const options = { workerId: "wrk_2", continues: ["/v1/chat/completions"] } as const;
  return (await log.newPublisher().open(id, options)) as Required<OpenedAttempt>;
}

async function readAgain(id: RequestId): Promise<Recorder> {
  const sink = new Recorder();
  (await log.newFollower()).follow(id, sink);
  return sink.ended();
}

describe("an attempt whose last entries are lost", () => {
  it("writes them again, and its followers get each delta once", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a", "b", "c");
    await forgetBehind(request.id, "1-1");
    await write(writer, sink, "d", "e");
    expect(await writer.close(completed)).toBe("closed");
    expect((await sink.ended()).text).toBe("abcde");
    expect((await readAgain(request.id)).text).toBe("abcde");
  });

  it("writes them with the end, when nothing else is left to write", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a", "b", "c");
    await forgetBehind(request.id, "1-0");
    expect(await writer.close(completed)).toBe("closed");
    expect((await sink.ended()).text).toBe("abc");
    expect((await readAgain(request.id)).text).toBe("abc");
  });

  it("writes them with what is pending and the end, all at once", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a", "b");
    await forgetBehind(request.id, "1-1");
    writer.append("c");
    await new Promise((resolve) => setImmediate(resolve));
    writer.append("d");
    expect(await writer.close(completed)).toBe("closed");
    expect((await sink.ended()).text).toBe("abcd");
    expect((await readAgain(request.id)).text).toBe("abcd");
  });

  it("gives up when Redis lost more than it holds, and leaves the log to the next one", async () => {
    const { request, sink, writer } = await started();
    for (let entry = 1; entry <= 2; entry++) {
      for (let i = 0; i < 1_100; i++) writer.append("x");
      await waitFor("the entry", () => sink.deltas_.length === entry * 1_100);
    }
    await forgetBehind(request.id, "1-0");
    writer.append("last");
    await waitFor("the abort", () => writer.signal.aborted);
    expect(writer.signal.reason).toBeInstanceOf(LogWriteFailed);
    expect((await openElsewhere(request.id)).mode).toBe("fresh");
  });

  it("gives up when its very opening is lost", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a");
    const second = await openElsewhere(request.id);
    await forgetBehind(request.id, "1-1");
    second.writer.append("b");
    await waitFor("the abort", () => second.writer.signal.aborted);
    expect(second.writer.signal.reason).toBeInstanceOf(LogWriteFailed);
    await expect(second.writer.close(completed)).rejects.toBeInstanceOf(LogWriteFailed);
  });

  it("is fenced by one that was given its number, however far that one is", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a");
    const forgotten = await openElsewhere(request.id);
    await write(forgotten.writer, sink, "b");
    await forgetBehind(request.id, "1-1");
    const second = await openElsewhere(request.id);
    second.writer.append("B");
    await waitFor("the entry", async () => (await log.redis.xlen(redisKeys.log(request.id))) === 4);
    forgotten.writer.append("c");
    await waitFor("the abort", () => forgotten.writer.signal.aborted);
    expect(await forgotten.writer.close(completed)).toBe("refused");
    expect(await second.writer.close(completed)).toBe("closed");
    expect((await readAgain(request.id)).text).toBe("aB");
  });
});

describe("a follower that was given what is lost", () => {
  it("is told so when another attempt goes on before it", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a", "b");
    await forgetBehind(request.id, "1-1");
    const second = await openElsewhere(request.id);
    expect(second.accepted).toEqual(["a"]);
    expect((await sink.ended()).error).toMatchObject({ code: "stream_interrupted" });
    expect(sink.text).toBe("ab");
  });

  it("is told so when another attempt has the same number, which it may learn from the log alone", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a");
    await write((await openElsewhere(request.id)).writer, sink, "b");
    await log.redis.hset(redisKeys.meta(request.id), "live", "");
    await forgetBehind(request.id, "1-1");
    const second = await openElsewhere(request.id);
    second.writer.append("B");
    expect(await second.writer.close(completed)).toBe("closed");
    expect((await sink.ended()).error).toMatchObject({ code: "stream_interrupted" });
    expect(sink.terminal).toBeUndefined();
  });

  it("is told so when the log ends before it", async () => {
    const { request, sink, writer } = await started();
    await write(writer, sink, "a", "b");
    await forgetBehind(request.id, "1-1");
    await log.store.close(request.id, completed);
    expect((await sink.ended()).error).toMatchObject({ code: "stream_interrupted" });
  });

  it("starts over when nobody saw it", async () => {
    const { request, sink, writer } = await started({ exposed: false, continuable: false });
    await write(writer, sink, "a", "b");
    await forgetBehind(request.id, "1-1");
    const second = await openElsewhere(request.id);
    expect(second.mode).toBe("restart");
    second.writer.append("whole");
    await second.writer.close(completed);
    expect(await sink.ended()).toMatchObject({ text: "whole", restarts: 1 });
  });
});

it("a record whose expiry never arrived has a log all the same", async () => {
  const request = record();
  await log.store.create(request);
  await log.redis.persist(redisKeys.meta(request.id));
  const { writer } = await log.open(request.id);
  writer.append("here");
  expect(await writer.close(completed)).toBe("closed");
});
