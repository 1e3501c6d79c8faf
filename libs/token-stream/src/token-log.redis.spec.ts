import { describe, expect, it, beforeAll, afterAll } from "vitest";
import { newRequestId, redisKeys, requestIdBound, type RequestId } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { completed, record, Recorder, retention, startLog, type LogFixture } from "./testing/log-fixture.js";

let log: LogFixture;
beforeAll(async () => {
  log = await startLog();
});
afterAll(() => log.stop());

describe("one attempt", () => {
  it("reaches a live follower and a late one with the same deltas and positions", async () => {
    const [owner, other] = [await log.newFollower(), await log.newFollower()];
    const request = record();
    const [live, late] = [new Recorder(), new Recorder()];
    owner.follow(request.id, live, { owner: true });
    await log.store.create(request, owner.channel);
    const { writer } = await log.open(request.id);
    for (let i = 0; i < 500; i++) {
      writer.append(`t${i} `);
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    writer.append({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    expect(await writer.close(completed)).toBe("closed");
    await live.ended();
    other.follow(request.id, late);
    await late.ended();
    expect(live.deltas_).toHaveLength(501);
    expect(live.text.startsWith("t0 t1 t2 ")).toBe(true);
    expect(late.deltas_).toEqual(live.deltas_);
    expect(late.positions).toEqual(live.positions);
    expect(late.terminal).toEqual(completed);
  });

  it("reaches a follower that joins while it runs, without gap or repeat", async () => {
    const follower = await log.newFollower();
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    const sinks: Recorder[] = [];
    for (let i = 0; i < 300; i++) {
      writer.append(`t${i} `);
      if (i % 30 === 7) {
        const sink = new Recorder();
        follower.follow(request.id, sink);
        sinks.push(sink);
        log.publisher.control({ type: "watch", id: request.id, channel: follower.channel });
      }
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writer.close(completed);
    const expected = Array.from({ length: 300 }, (_, i) => `t${i} `).join("");
    for (const sink of sinks) expect((await sink.ended()).text).toBe(expected);
  });

  it("can be resumed behind any position", async () => {
    const follower = await log.newFollower();
    const request = record();
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    for (let i = 1; i <= 40; i++) {
      writer.append(`${i},`);
      if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await writer.close(completed);
    for (const seq of [0, 1, 6, 7, 8, 39, 40]) {
      const sink = new Recorder();
      follower.follow(request.id, sink, { after: { epoch: 1, seq } });
      await sink.ended();
      expect(sink.text).toBe(Array.from({ length: 40 - seq }, (_, i) => `${seq + 1 + i},`).join(""));
    }
  });

  it("serves a slow reader from the log, at its own pace", async () => {
    const follower = await log.newFollower();
    const request = record();
    const sink = new Recorder();
    sink.pauseAfter = 10;
    const following = follower.follow(request.id, sink, { owner: true });
    await log.store.create(request, follower.channel);
    const { writer } = await log.open(request.id);
    for (let i = 0; i < 100; i++) {
      writer.append(`t${i} `);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writer.close(completed);
    const seen = sink.deltas_.length;
    expect(seen).toBeGreaterThanOrEqual(10);
    expect(seen).toBeLessThan(100);
    sink.pauseAfter = Infinity;
    following.resume();
    expect((await sink.ended()).text).toBe(Array.from({ length: 100 }, (_, i) => `t${i} `).join(""));
  });

  it("finds what was published while the follower heard nothing", async () => {
    const follower = await log.newFollower(100);
    const request = record();
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    // No live channel: as if every message had been lost.
    await log.store.create(request);
    const { writer } = await log.open(request.id);
    writer.append("all ");
    writer.append("of it");
    await writer.close(completed);
    expect((await sink.ended()).text).toBe("all of it");
  });
});

describe("the next attempt", () => {
  it("restarts when nobody saw anything, and followers start over", async () => {
    const follower = await log.newFollower();
    const request = record({ continuable: false });
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    await log.store.create(request, follower.channel);
    (await log.open(request.id)).writer.append("void");
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    const second = await log.open(request.id);
    expect(second.mode).toBe("restart");
    second.writer.append("whole");
    await second.writer.close(completed);
    expect((await sink.ended()).text).toBe("whole");
    expect(sink.restarts).toBe(1);
    // Whoever comes later sees the attempts that count, and nothing of the others.
    const late = new Recorder();
    (await log.newFollower()).follow(request.id, late);
    expect((await late.ended()).text).toBe("whole");
    expect(late.restarts).toBe(0);
  });

  it("is interrupted when somebody saw a part and the engine cannot continue", async () => {
    const request = record();
    await log.store.create(request);
    const first = await log.open(request.id);
    first.writer.append("seen");
    await first.writer.release();
    const sink = new Recorder();
    (await log.newFollower()).follow(request.id, sink);
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    expect((await log.open(request.id, [])).mode).toBe("interrupted");
  });

  it("is fresh when no delta was accepted, and counts the attempts", async () => {
    const request = record({ exposed: true });
    await log.store.create(request);
    expect((await log.open(request.id)).attempt).toBe(1);
    const second = await log.open(request.id);
    expect([second.mode, second.attempt]).toEqual(["fresh", 2]);
    await second.writer.release({ uncounted: true });
    expect((await log.open(request.id)).attempt).toBe(2);
  });

  it("is gone without a record", async () => {
    expect((await log.open(newRequestId())).mode).toBe("gone");
    expect(await log.store.close(newRequestId(), { status: "cancelled" })).toBe("gone");
    const sink = new Recorder();
    (await log.newFollower()).follow(newRequestId(), sink);
    expect((await sink.ended()).error).toMatchObject({ code: "job_not_found" });
  });
});

describe("the store", () => {
  it("reads what was written", async () => {
    const request = record({ metadata: { team: "a" }, deadlineAtMs: Date.now() + 60_000 });
    await log.store.create(request);
    expect(await log.store.read(request.id)).toMatchObject({ ...request, status: "queued", attempts: 0 });
    expect(await log.store.readMany([request.id])).toMatchObject([{ ...request, body: {} }]);
  });

  it("lists a tenant's jobs, newest first, page by page, without the sync requests", async () => {
    const tenant = newRequestId();
    const ids: RequestId[] = [];
    for (let i = 0; i < 5; i++) {
      const request = record({ tenant });
      await log.store.create(request);
      ids.unshift(request.id);
    }
    await log.store.create(record({ tenant, kind: "sync" }));
    const first = await log.store.listJobs(tenant, { limit: 3 });
    expect(first).toEqual(ids.slice(0, 3));
    expect(await log.store.listJobs(tenant, { limit: 3, below: first[2] })).toEqual(ids.slice(3));
    const oldest = { limit: 2, oldestFirst: true };
    expect(await log.store.listJobs(tenant, { ...oldest, above: first[2] })).toEqual([ids[1], ids[0]]);
    expect(await log.store.listJobs(tenant, { ...oldest, above: ids[3], below: ids[1] })).toEqual([ids[2]]);
    const ms = Date.now();
    expect(await log.store.listJobs(tenant, { limit: 9, above: requestIdBound(ms + 1_000) })).toEqual([]);
    expect(await log.store.listJobs(tenant, { limit: 9, above: requestIdBound(ms - 60_000) })).toEqual(ids);
    expect(await log.store.listJobs(tenant, { limit: 9, below: requestIdBound(ms - 60_000) })).toEqual([]);
  });

  it("keeps a request for as long as it asks for", async () => {
    const request = record({ kind: "job", keptMs: 5_000 });
    await log.store.create(request);
    await log.store.close(request.id, completed);
    for (const key of [redisKeys.meta(request.id), redisKeys.log(request.id)]) {
      expect(await log.redis.pttl(key)).toBeGreaterThan(0);
      expect(await log.redis.pttl(key)).toBeLessThanOrEqual(5_000);
    }
  });

  it("lets finished requests expire after their retention, and unfinished ones too", async () => {
    const request = record({ kind: "sync" });
    await log.store.create(request);
    expect(await log.redis.pttl(redisKeys.meta(request.id))).toBeGreaterThan(retention.syncMs);
    const { writer } = await log.open(request.id);
    expect(await log.redis.pttl(redisKeys.log(request.id))).toBeGreaterThan(retention.syncMs);
    await writer.close(completed);
    for (const key of [redisKeys.meta(request.id), redisKeys.log(request.id)]) {
      expect(await log.redis.pttl(key)).toBeGreaterThan(0);
      expect(await log.redis.pttl(key)).toBeLessThanOrEqual(retention.syncMs);
    }
  });
});
