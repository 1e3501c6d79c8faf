import {
  CodedError,
  formatPosition,
  redisKeys,
  type ControlMessage,
  type RequestId,
} from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import type { Redis } from "ioredis";
import { FollowState, type Applied } from "./follow-state.js";
import { frameRequestId, parseLiveFrame } from "./live-frames.js";
import { parseLogEntry } from "./log-entries.js";
import { RedisFollowerRegistry } from "./redis-follower-registry.js";
import { watchScript } from "./scripts.js";
import type { FollowOptions, Following, TokenFollower, TokenSink } from "./token-log.js";

/** Settings of a {@link RedisTokenFollower}. */
export interface FollowerOptions {
  /** Names this process's live channel; unique among all ingress processes. */
  readonly ingressId: string;
  /** A follower that hears nothing for this long reads the log; doubled each time in vain, up to 8 times. Default 2 s. */
  readonly silenceMs?: number;
  /** How long Redis may be away before followers are told. Default 30 s. */
  readonly failAfterMs?: number;
}

const entriesPerRead = 64;
const retryMs = 250;
const sweepMs = 500;
/** Between two beats that tell workers that somebody listens here. */
const beatMs = 1_000;
/** Logs read at once after a reconnect or a silence; the others wait their turn. */
const readsAtOnce = 64;

function answerLost(): CodedError {
  return new CodedError("stream_interrupted", "Redis lost a part of the answer that was delivered.");
}

interface Follower {
  readonly id: RequestId;
  readonly sink: TokenSink;
  readonly exposes: boolean;
  readonly state: FollowState;
  /** Live frames are heeded in `live` only; in `reading` they ask for one more look at the log. */
  mode: "live" | "reading" | "paused" | "stopped";
  lookAgain: boolean;
  heardAtMs: number;
  silences: number;
  failingSinceMs: number | undefined;
}

/**
 * {@link TokenFollower} in Redis: live frames while they come without a gap, the log otherwise. `redis` may fail fast;
 * `subscriber` is a connection of its own, because a subscribed one can do nothing else.
 */
export class RedisTokenFollower implements TokenFollower {
  readonly channel: string;
  private readonly followers = new Map<RequestId, Set<Follower>>();
  private sweeper: NodeJS.Timeout | undefined;
  private beater: NodeJS.Timeout | undefined;
  private readonly registry: RedisFollowerRegistry;
  private reads = 0;
  private readonly waitingReads: Follower[] = [];

  constructor(
    private readonly redis: RedisClient,
    private readonly subscriber: Redis,
    private readonly options: FollowerOptions,
  ) {
    this.channel = redisKeys.liveChannel(options.ingressId);
    this.registry = new RedisFollowerRegistry(redis);
  }

  async start(): Promise<void> {
    this.subscriber.on("message", (channel: string, message: string) => {
      if (channel === this.channel) this.hear(message);
    });
    await this.subscriber.subscribe(this.channel);
    // ioredis subscribes again by itself after a reconnect; what was published in between is in the logs only.
    this.subscriber.on("ready", () => this.readAll());
    await this.registry.beat(this.channel);
    // While Redis is away nobody can ask.
    this.beater = setInterval(() => void this.registry.beat(this.channel).catch(() => undefined), beatMs);
    this.beater.unref();
    this.sweeper = setInterval(() => this.sweep(), sweepMs);
    this.sweeper.unref();
  }

  follow(id: RequestId, sink: TokenSink, options: FollowOptions = {}): Following {
    const follower: Follower = {
      id,
      sink,
      exposes: options.exposes ?? true,
      state: new FollowState(sink, options.after),
      mode: options.owner === true ? "live" : "reading",
      lookAgain: false,
      heardAtMs: Date.now(),
      silences: 0,
      failingSinceMs: undefined,
    };
    const others = this.followers.get(id);
    if (others === undefined) this.followers.set(id, new Set([follower]));
    else others.add(follower);
    if (options.owner !== true) void this.attach(follower);
    return {
      get at() {
        return follower.state.at;
      },
      resume: () => {
        if (follower.mode === "paused") this.read(follower);
      },
      stop: () => this.remove(follower),
    };
  }

  async stop(): Promise<void> {
    clearInterval(this.sweeper);
    clearInterval(this.beater);
    for (const group of this.followers.values()) for (const follower of group) this.remove(follower);
    await this.registry.leave(this.channel).catch(() => undefined);
    await this.subscriber.unsubscribe(this.channel).catch(() => undefined);
  }

  /** Followers at the moment, for metrics. */
  get size(): number {
    return this.followers.size;
  }

  private hear(message: string): void {
    let from = 0;
    while (from < message.length) {
      let to = message.indexOf("\n", from);
      if (to < 0) to = message.length;
      const line = message.slice(from, to);
      from = to + 1;
      const group = this.followers.get(frameRequestId(line));
      if (group !== undefined) this.deliver(line, group);
    }
  }

  private deliver(line: string, group: ReadonlySet<Follower>): void {
    const frame = parseLiveFrame(line);
    if (frame === undefined) return;
    const nowMs = Date.now();
    for (const follower of group) {
      follower.heardAtMs = nowMs;
      follower.silences = 0;
      if (follower.mode === "live") this.after(follower, follower.state.applyFrame(frame));
      else if (follower.mode === "reading") follower.lookAgain = true;
    }
  }

  private after(follower: Follower, applied: Applied): void {
    if (applied === "gap") this.read(follower);
    else if (applied === "slow") follower.mode = "paused";
    else if (applied === "ended") this.remove(follower);
    else if (applied === "lost") this.failWith(follower, answerLost());
  }

  /** Makes the workers publish here too, then reads what there is already. */
  private async attach(follower: Follower): Promise<void> {
    try {
      const args = [this.channel, follower.exposes ? "1" : ""];
      const found = await watchScript.run(this.redis, [redisKeys.meta(follower.id)], args);
      if (follower.mode === "stopped") return;
      if (found === null) {
        this.failWith(
          follower,
          new CodedError("job_not_found", `There is no request '${follower.id}', or it has expired.`),
        );
        return;
      }
      const [, expert, base] = found as [string, string, string];
      follower.state.startAtAttempt(Number(base));
      const message: ControlMessage = { type: "watch", id: follower.id, channel: this.channel };
      await this.redis.publish(redisKeys.controlChannel(expert), JSON.stringify(message));
      this.read(follower);
    } catch (error) {
      this.retryLater(follower, error, () => void this.attach(follower));
    }
  }

  private read(follower: Follower): void {
    if (follower.mode === "stopped") return;
    follower.mode = "reading";
    follower.lookAgain = false;
    if (this.reads >= readsAtOnce) this.waitingReads.push(follower);
    else void this.readNow(follower);
  }

  private async readNow(follower: Follower): Promise<void> {
    this.reads += 1;
    try {
      await this.readLog(follower);
    } catch (error) {
      this.retryLater(follower, error, () => this.read(follower));
    } finally {
      this.reads -= 1;
      let next = this.waitingReads.shift();
      while (next?.mode === "stopped") next = this.waitingReads.shift();
      if (next !== undefined) void this.readNow(next);
    }
  }

  /** Reads to the end of the log; goes live when no frame came in between. */
  private async readLog(follower: Follower): Promise<void> {
    while (follower.mode === "reading") {
      follower.lookAgain = false;
      const after = `(${formatPosition(follower.state.at)}`;
      const entries = await this.redis.xrange(
        redisKeys.log(follower.id),
        after,
        "+",
        "COUNT",
        entriesPerRead,
      );
      follower.failingSinceMs = undefined;
      for (const [id, fields] of entries) {
        if (follower.mode !== "reading") return;
        const applied = follower.state.applyEntry(parseLogEntry(id, fields));
        if (applied === "gap") {
          this.failWith(
            follower,
            new CodedError("internal_error", "A part of the answer is missing in its log."),
          );
        } else {
          this.after(follower, applied);
        }
      }
      if (follower.mode !== "reading") return;
      if (entries.length === 0 && !(await this.exists(follower))) return;
      if (entries.length < entriesPerRead && !follower.lookAgain) follower.mode = "live";
    }
  }

  private async exists(follower: Follower): Promise<boolean> {
    if ((await this.redis.exists(redisKeys.meta(follower.id))) === 1) return true;
    // The owner follows before it creates the record; only a silence later is the absence final.
    if (follower.silences === 0 && follower.state.at.epoch === 0) return true;
    this.failWith(follower, new CodedError("job_not_found", `The record of '${follower.id}' has expired.`));
    return false;
  }

  private retryLater(follower: Follower, error: unknown, again: () => void): void {
    if (follower.mode === "stopped") return;
    const nowMs = Date.now();
    follower.failingSinceMs ??= nowMs;
    if (nowMs - follower.failingSinceMs >= (this.options.failAfterMs ?? 30_000)) {
      this.failWith(
        follower,
        new CodedError("redis_unavailable", "The queue's store is away.", { cause: error, retryAfterS: 1 }),
      );
      return;
    }
    setTimeout(again, retryMs).unref();
  }

  private failWith(follower: Follower, error: Error): void {
    this.remove(follower);
    follower.sink.fail(error);
  }

  private remove(follower: Follower): void {
    follower.mode = "stopped";
    const group = this.followers.get(follower.id);
    group?.delete(follower);
    if (group?.size === 0) this.followers.delete(follower.id);
  }

  private readAll(): void {
    for (const group of this.followers.values()) {
      for (const follower of group) if (follower.mode === "live") this.read(follower);
    }
  }

  /** A frame can be lost without any later one to show the gap; so silence is looked into as well. */
  private sweep(): void {
    const nowMs = Date.now();
    for (const group of this.followers.values()) {
      for (const follower of group) {
        const patienceMs = (this.options.silenceMs ?? 2_000) * 2 ** Math.min(follower.silences, 3);
        if (follower.mode !== "live" || nowMs - follower.heardAtMs < patienceMs) continue;
        follower.heardAtMs = nowMs;
        follower.silences += 1;
        this.read(follower);
      }
    }
  }
}
