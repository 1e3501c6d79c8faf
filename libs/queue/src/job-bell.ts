import { setTimeout as sleep } from "node:timers/promises";
import { isCluster, type RedisClient } from "@expert-router/redis";

/** Longest sleep of an idle worker. */
const maxSleepMs = 1_000;
const minSleepMs = 5;
/** A blocking command that takes longer is not relied on; jobs are looked for this often instead. */
const maxBlockedMs = 2_500;
const pollMs = 100;
const isLate = Symbol("late");

/** What wakes a worker: BullMQ's marker, which any worker may consume, and a bell of its own. */
export class JobBell {
  /** The command that waits on the blocking connection. */
  private blocked: Promise<string | undefined> | undefined;

  constructor(
    /** For everything but blocking. */
    private readonly redis: RedisClient,
    /** Nothing else may use it. */
    private readonly blocking: () => Promise<RedisClient>,
    private readonly keys: { readonly marker: string; readonly own: string },
  ) {}

  /**
   * Sleeps until there may be a job, `ms` at most. Answers whether it took BullMQ's marker, which others will not see then. The blocking
   * connection can stay without an answer for good, after a failover or when the machine of Redis is gone without a word; then it returns by itself.
   */
  async sleep(ms: number = maxSleepMs): Promise<boolean> {
    const timeoutMs = Math.min(Math.max(ms, minSleepMs), maxSleepMs);
    if (this.blocked === undefined) {
      const blocked = this.pop(timeoutMs).finally(() => (this.blocked = undefined));
      this.blocked = blocked;
      blocked.catch(() => undefined); // Heard of below, unless it comes too late to matter.
      const answered = new AbortController();
      const late = sleep(maxBlockedMs, isLate, { ref: false, signal: answered.signal });
      late.catch(() => undefined); // Called off.
      const taken = await Promise.race([blocked, late]).finally(() => answered.abort());
      // A connection that is not there cannot hang.
      if (taken === isLate) this.connectAnew().catch(() => undefined);
      return taken === this.keys.marker;
    }
    await sleep(pollMs);
    return false;
  }

  /** Ends a sleep of this worker. */
  async wake(): Promise<void> {
    await this.redis.zadd(this.keys.own, 0, "0");
    await this.redis.pexpire(this.keys.own, maxSleepMs);
  }

  /** Tells any worker that there may be a job. */
  async passOn(): Promise<void> {
    await this.redis.zadd(this.keys.marker, 0, "0");
  }

  /** A command that hangs ends with its connection. A cluster's client looks after its nodes itself. */
  private async connectAnew(): Promise<void> {
    const blocking = await this.blocking();
    if (!isCluster(blocking)) blocking.disconnect(true);
  }

  private async pop(timeoutMs: number): Promise<string | undefined> {
    const blocking = await this.blocking();
    return (await blocking.bzpopmin(this.keys.marker, this.keys.own, timeoutMs / 1_000))?.[0];
  }
}
