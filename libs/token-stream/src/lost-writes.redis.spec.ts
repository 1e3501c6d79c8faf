import { redisKeys, type Position } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completed, record, Recorder, startLog, type LogFixture } from "./testing/log-fixture.js";
import { LogWriteFailed } from "./token-log.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

/** What a Redis does that comes back without its last writes. */
async function loseLastEntry(id: Parameters<typeof redisKeys.log>[0]): Promise<void> {
  const key = redisKeys.log(id);
  const entries = await log.redis.xrange(key, "-", "+");
  await log.redis.del(key);
  for (const [entryId, fields] of entries.slice(0, -1)) await log.redis.xadd(key, entryId, ...fields);
}

describe("a log that lost its last entry", () => {
  it.each(["live", "paused"] as const)(
    "tells a %s follower who has it, instead of repeating it",
    async (mode) => {
      const follower = await log.newFollower();
      const request = record({ exposed: true });
      const sink = new Recorder();
      if (mode === "paused") sink.pauseAfter = 2;
      const following = follower.follow(request.id, sink, { owner: true });
      await log.store.create(request, follower.channel);
      const { writer } = await log.open(request.id);
      for (const delta of ["one ", "two "]) {
        writer.append(delta);
        await waitFor("the delta", () => sink.text.endsWith(delta));
      }
      await loseLastEntry(request.id);
      const second = await log.open(request.id);
      expect(second.accepted).toEqual(["one "]);
      second.writer.append("two, said anew");
      expect(await second.writer.close(completed)).toBe("closed");
      if (mode === "paused") following.resume();
      await sink.ended();
      expect(sink.error).toMatchObject({ code: "stream_interrupted" });
      expect(sink.text).toBe("one two ");
    },
  );

  it("ends the attempt that wrote it, so that no later entry leaves a hole", async () => {
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    const length = (): Promise<number> => log.redis.xlen(redisKeys.log(request.id));
    for (const [i, delta] of ["one ", "two "].entries()) {
      writer.append(delta);
      await waitFor("the entry", async () => (await length()) === i + 2);
    }
    await log.publisher.recheck();
    expect(writer.signal.aborted).toBe(false);
    await loseLastEntry(request.id);
    await log.publisher.recheck();
    expect(writer.signal.reason).toBeInstanceOf(LogWriteFailed);
  });
});

describe("a request that is written anew", () => {
  it("has attempts that no earlier one can write into, and is followed from its start", async () => {
    const follower = await log.newFollower();
    const request = record();
    await log.store.create(request);
    const zombie = (await log.open(request.id)).writer;
    await log.redis.del(redisKeys.meta(request.id), redisKeys.log(request.id));
    const seen: Position = { epoch: 1, seq: 0 };
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    await log.store.create(request, follower.channel, { afterEpoch: seen.epoch + 1 });
    const next = await log.open(request.id);
    expect([next.mode, next.attempt]).toEqual(["fresh", 1]);
    zombie.append("never");
    await waitFor("the abort", () => zombie.signal.aborted);
    next.writer.append("anew");
    expect(await next.writer.close(completed)).toBe("closed");
    expect((await sink.ended()).text).toBe("anew");
    expect((await log.store.read(request.id))?.status).toBe("completed");
  });
});
