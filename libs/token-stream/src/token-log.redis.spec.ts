import {
  newRequestId,
  redisKeys,
  type Delta,
  type RequestId,
  type RequestRecord,
  type Terminal,
} from "@expert-router/contracts";
import { startRedis, waitFor, type TestRedis } from "@expert-router/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisRequestStore } from "./redis-request-store.js";
import { RedisTokenFollower } from "./redis-token-follower.js";
import { RedisTokenPublisher } from "./redis-token-publisher.js";
import { LogWriteFailed, type OpenedAttempt, type TokenSink } from "./token-log.js";

const retention = { syncMs: 60_000, jobsMs: 120_000 };
const chat = ["/v1/chat/completions"] as const;
const completed: Terminal = {
  status: "completed",
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
};

let server: TestRedis;
let redis: Redis;
let store: RedisRequestStore;
let publisher: RedisTokenPublisher;
const followers: RedisTokenFollower[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  await Promise.all(followers.map((follower) => follower.stop()));
  await server.stop();
});
beforeEach(() => {
  store = new RedisRequestStore(redis, { retention });
  publisher = new RedisTokenPublisher(redis, { retention });
});

async function newFollower(silenceMs = 60_000): Promise<RedisTokenFollower> {
  const follower = new RedisTokenFollower(redis, new Redis(server.url), {
    ingressId: newRequestId(),
    silenceMs,
  });
  followers.push(follower);
  await follower.start();
  return follower;
}

function record(overrides: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id: newRequestId(),
    kind: "job",
    endpoint: "/v1/chat/completions",
    body: { model: "auto", messages: [] },
    decision: { expert: "code", cluster: "code", confidence: 0.9, reason: "best-match", routerVersion: "1" },
    tenant: "default",
    priorityClass: "async",
    createdAtMs: Date.now(),
    continuable: true,
    exposed: false,
    ...overrides,
  };
}

/** What a sink was told, in a form that shows every gap, repeat and reordering. */
class Recorder implements TokenSink {
  readonly deltas_: Delta[] = [];
  readonly positions: string[] = [];
  restarts = 0;
  terminal: Terminal | undefined;
  error: Error | undefined;
  pauseAfter = Infinity;

  deltas(epoch: number, first: number, deltas: readonly Delta[]): boolean {
    for (const [i, delta] of deltas.entries()) {
      this.deltas_.push(delta);
      this.positions.push(`${epoch}-${first + i}`);
    }
    return this.deltas_.length < this.pauseAfter;
  }
  restart(): void {
    this.restarts += 1;
    this.deltas_.length = 0;
  }
  end(terminal: Terminal): void {
    expect(this.terminal).toBeUndefined();
    this.terminal = terminal;
  }
  fail(error: Error): void {
    this.error = error;
  }
  get text(): string {
    return this.deltas_.map((delta) => (typeof delta === "string" ? delta : "")).join("");
  }
  async ended(): Promise<this> {
    await waitFor("the end", () => this.terminal !== undefined || this.error !== undefined);
    return this;
  }
}

async function open(
  id: RequestId,
  continues: readonly "/v1/chat/completions"[] = chat,
): Promise<Required<OpenedAttempt>> {
  return (await publisher.open(id, { workerId: "wrk_1", continues })) as Required<OpenedAttempt>;
}

describe("one attempt", () => {
  it("reaches a live follower and a late one with the same deltas and positions", async () => {
    const [owner, other] = [await newFollower(), await newFollower()];
    const request = record();
    const [live, late] = [new Recorder(), new Recorder()];
    owner.follow(request.id, live, { owner: true });
    await store.create(request, owner.channel);
    const { writer } = await open(request.id);
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
    const follower = await newFollower();
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
    const sinks: Recorder[] = [];
    for (let i = 0; i < 300; i++) {
      writer.append(`t${i} `);
      if (i % 30 === 7) {
        const sink = new Recorder();
        follower.follow(request.id, sink);
        sinks.push(sink);
        publisher.control({ type: "watch", id: request.id, channel: follower.channel });
      }
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writer.close(completed);
    const expected = Array.from({ length: 300 }, (_, i) => `t${i} `).join("");
    for (const sink of sinks) expect((await sink.ended()).text).toBe(expected);
  });

  it("can be resumed behind any position", async () => {
    const follower = await newFollower();
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
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
    const follower = await newFollower();
    const request = record();
    const sink = new Recorder();
    sink.pauseAfter = 10;
    const following = follower.follow(request.id, sink, { owner: true });
    await store.create(request, follower.channel);
    const { writer } = await open(request.id);
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
    const follower = await newFollower(100);
    const request = record();
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    // No live channel: as if every message had been lost.
    await store.create(request);
    const { writer } = await open(request.id);
    writer.append("all ");
    writer.append("of it");
    await writer.close(completed);
    expect((await sink.ended()).text).toBe("all of it");
  });
});

describe("the fence", () => {
  it("refuses a zombie's deltas and end, and tells it", async () => {
    const follower = await newFollower();
    const request = record({ exposed: true });
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    await store.create(request, follower.channel);
    const zombie = (await open(request.id)).writer;
    zombie.append("one ");
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    const second = await open(request.id);
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
    await store.create(request);
    const { writer } = await open(request.id);
    const results = await Promise.all([
      writer.close(completed),
      ...Array.from({ length: 20 }, () => store.close(request.id, { status: "cancelled" })),
    ]);
    expect(results.filter((result) => result === "closed")).toHaveLength(1);
    expect(await redis.xlen(redisKeys.log(request.id))).toBe(2);
  });

  it("takes nothing after the end, and opens no attempt", async () => {
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
    await store.close(request.id, { status: "cancelled" });
    writer.append("late");
    await waitFor("the abort", () => writer.signal.aborted);
    expect((await open(request.id)).mode).toBe("closed");
    expect((await store.read(request.id))?.status).toBe("cancelled");
  });

  it("is noticed by an idle attempt that looks, when the message about it was lost", async () => {
    const [closed, open_] = [record(), record()];
    await store.create(closed);
    await store.create(open_);
    const [first, second] = [(await open(closed.id)).writer, (await open(open_.id)).writer];
    await store.close(closed.id, { status: "cancelled" });
    await publisher.recheck();
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
  });

  it("takes an entry that was sent twice for what it is", async () => {
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
    // The client library sends a command again when its reply was lost: Redis has the entry already.
    await redis.xadd(redisKeys.log(request.id), "1-1", "d", JSON.stringify(["once"]));
    writer.append("once");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(writer.signal.aborted).toBe(false);
    expect(await writer.close(completed)).toBe("closed");
  });

  it("aborts a writer whose log has expired, and creates no new one", async () => {
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
    await redis.del(redisKeys.log(request.id), redisKeys.meta(request.id));
    writer.append("lost");
    await waitFor("the abort", () => writer.signal.aborted);
    expect(await redis.exists(redisKeys.log(request.id))).toBe(0);
  });
});

describe("a Redis that refuses or forgets", () => {
  it("leaves the log open when it has no memory for an entry, and the next attempt goes on", async () => {
    const request = record();
    await store.create(request);
    const { writer } = await open(request.id);
    writer.append("one ");
    await waitFor("the first entry", async () => (await redis.xlen(redisKeys.log(request.id))) === 2);
    await redis.config("SET", "maxmemory", "1");
    writer.append("lost");
    await waitFor("the abort", () => writer.signal.aborted);
    await redis.config("SET", "maxmemory", "0");
    expect(writer.signal.reason).toBeInstanceOf(LogWriteFailed);
    await expect(writer.close(completed)).rejects.toBeInstanceOf(LogWriteFailed);
    const second = await open(request.id);
    expect([second.mode, second.accepted]).toEqual(["continue", ["one "]]);
    expect(await second.writer.close(completed)).toBe("closed");
  });

  it("keeps the order of an entry and the end when the scripts were forgotten", async () => {
    const [first, other] = [record(), record()];
    await store.create(first);
    await store.create(other);
    const { writer } = await open(first.id);
    const warm = (await open(other.id)).writer;
    warm.append("warm");
    await warm.close(completed);
    await redis.script("FLUSH");
    // The close script is known again before the append script is.
    await store.close(other.id, { status: "cancelled" });
    writer.append("first ");
    await new Promise((resolve) => setImmediate(resolve));
    writer.append("second");
    expect(await writer.close(completed)).toBe("closed");
    const sink = new Recorder();
    (await newFollower()).follow(first.id, sink);
    expect((await sink.ended()).text).toBe("first second");
    expect(sink.terminal).toEqual(completed);
  });

  it("shows a hole in a log as an error, never as a whole answer", async () => {
    const request = record();
    await store.create(request);
    await open(request.id);
    await redis.xadd(redisKeys.log(request.id), "1-2", "d", JSON.stringify(["behind the hole"]));
    await store.close(request.id, completed);
    const sink = new Recorder();
    (await newFollower()).follow(request.id, sink);
    expect((await sink.ended()).error).toMatchObject({ code: "internal_error" });
    expect(sink.terminal).toBeUndefined();
  });
});

it("followers that leave while they wait for their turn let the others have theirs", async () => {
  const follower = await newFollower();
  const ids: RequestId[] = [];
  for (let i = 0; i < 200; i++) {
    const request = record();
    ids.push(request.id);
    await store.create(request);
    await open(request.id);
    await store.close(request.id, completed);
  }
  const sinks = ids.map(() => new Recorder());
  const followings = ids.map((id, i) => follower.follow(id, sinks[i] as Recorder));
  for (const following of followings.slice(64, 192)) following.stop();
  await Promise.all([...sinks.slice(0, 64), ...sinks.slice(192)].map((sink) => sink.ended()));
});

describe("the next attempt", () => {
  it("restarts when nobody saw anything, and followers start over", async () => {
    const follower = await newFollower();
    const request = record({ continuable: false });
    const sink = new Recorder();
    follower.follow(request.id, sink, { owner: true });
    await store.create(request, follower.channel);
    (await open(request.id)).writer.append("void");
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    const second = await open(request.id);
    expect(second.mode).toBe("restart");
    second.writer.append("whole");
    await second.writer.close(completed);
    expect((await sink.ended()).text).toBe("whole");
    expect(sink.restarts).toBe(1);
    // Whoever comes later sees the attempts that count, and nothing of the others.
    const late = new Recorder();
    (await newFollower()).follow(request.id, late);
    expect((await late.ended()).text).toBe("whole");
    expect(late.restarts).toBe(0);
  });

  it("is interrupted when somebody saw a part and the engine cannot continue", async () => {
    const request = record();
    await store.create(request);
    const first = await open(request.id);
    first.writer.append("seen");
    await first.writer.release();
    const sink = new Recorder();
    (await newFollower()).follow(request.id, sink);
    await waitFor("the first delta", () => sink.deltas_.length === 1);
    expect((await open(request.id, [])).mode).toBe("interrupted");
  });

  it("is fresh when no delta was accepted, and counts the attempts", async () => {
    const request = record({ exposed: true });
    await store.create(request);
    expect((await open(request.id)).attempt).toBe(1);
    const second = await open(request.id);
    expect([second.mode, second.attempt]).toEqual(["fresh", 2]);
    await second.writer.release({ uncounted: true });
    expect((await open(request.id)).attempt).toBe(2);
  });

  it("is gone without a record", async () => {
    expect((await open(newRequestId())).mode).toBe("gone");
    expect(await store.close(newRequestId(), { status: "cancelled" })).toBe("gone");
    const sink = new Recorder();
    (await newFollower()).follow(newRequestId(), sink);
    expect((await sink.ended()).error).toMatchObject({ code: "job_not_found" });
  });
});

describe("the store", () => {
  it("reads what was written", async () => {
    const request = record({ metadata: { team: "a" }, deadlineAtMs: Date.now() + 60_000 });
    await store.create(request);
    expect(await store.read(request.id)).toMatchObject({ ...request, status: "queued", attempts: 0 });
    expect(await store.readMany([request.id])).toMatchObject([{ ...request, body: {} }]);
  });

  it("lists a tenant's jobs, newest first, page by page, without the sync requests", async () => {
    const tenant = newRequestId();
    const ids: RequestId[] = [];
    for (let i = 0; i < 5; i++) {
      const request = record({ tenant });
      await store.create(request);
      ids.unshift(request.id);
    }
    await store.create(record({ tenant, kind: "sync" }));
    const first = await store.listJobs(tenant, { limit: 3 });
    expect(first).toEqual(ids.slice(0, 3));
    expect(await store.listJobs(tenant, { limit: 3, before: first[2] })).toEqual(ids.slice(3));
  });

  it("lets finished requests expire after their retention, and unfinished ones too", async () => {
    const request = record({ kind: "sync" });
    await store.create(request);
    expect(await redis.pttl(redisKeys.meta(request.id))).toBeGreaterThan(retention.syncMs);
    const { writer } = await open(request.id);
    expect(await redis.pttl(redisKeys.log(request.id))).toBeGreaterThan(retention.syncMs);
    await writer.close(completed);
    for (const key of [redisKeys.meta(request.id), redisKeys.log(request.id)]) {
      expect(await redis.pttl(key)).toBeGreaterThan(0);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(retention.syncMs);
    }
  });
});
