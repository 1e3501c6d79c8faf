import { redisKeys } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completed, record, Recorder, startLog, type LogFixture } from "./testing/log-fixture.js";

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
});
