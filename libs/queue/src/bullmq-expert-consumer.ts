import { setTimeout as sleep } from "node:timers/promises";
import { bullmqPrefix, expertQueueName, isRequestId } from "@expert-router/contracts";
import { isCluster, type RedisClient } from "@expert-router/redis";
import { Worker, type Job } from "bullmq";
import type { ExpertConsumer, JobOutcome, TakenJob } from "./expert-queue.js";
import { LostFetches } from "./lost-fetches.js";
import { priorityClassOf } from "./priorities.js";

/** Settings of a {@link BullmqExpertConsumer}. */
export interface ConsumerOptions {
  readonly expert: string;
  /** A connection that waits for Redis; BullMQ opens a second one from it to block on. */
  readonly redis: RedisClient;
  /** Begins the lock token of every job taken, so that another process can hand them back. */
  readonly workerId: string;
  /** Jobs in flight at most. */
  readonly concurrency: number;
  /** Long enough to outlast a Redis failover; a dead worker is noticed by its heartbeat, not by this. Default 60 s. */
  readonly lockMs?: number;
  readonly onError: (error: Error) => void;
}

/** Longest sleep of an idle worker, in s; also the longest that {@link BullmqExpertConsumer.stopPulling} takes. */
const drainDelayS = 1;
const retryFetchMs = 250;
/** A blocking fetch in a cluster that takes longer is not relied on; jobs are looked for this often instead. */
const maxBlockedMs = 2_500;
const pollMs = 100;
const retryJobMs = 1_000;
const lockLostError = new Error("the queue gave the job to another worker");
const maxFetchesAtOnce = 64;
/** A job that stalls is handed on, however often: attempts are counted in the request's record. */
const unboundedStalls = 1_000_000;

type Work = (job: TakenJob) => Promise<JobOutcome>;

interface RunningJob {
  readonly job: Job;
  readonly token: string;
  readonly lockLost: AbortController;
}

/** {@link ExpertConsumer} that fetches by hand from BullMQ, so that it takes a job only while there is room. */
export class BullmqExpertConsumer implements ExpertConsumer {
  private readonly worker: Worker;
  private readonly jobs = new Set<RunningJob>();
  /** Tokens of fetches under way. */
  private readonly fetching = new Set<string>();
  private readonly lostFetches: LostFetches;
  private taken = 0;
  private readonly lockMs: number;
  private pulling = false;
  private concurrency: number;
  /** Jobs fetched at once. */
  private burst = 1;
  private loop: Promise<void> | undefined;
  private lockTimer: NodeJS.Timeout | undefined;
  private roomWaiter: (() => void) | undefined;
  /** The fetch that waits on the blocking connection of a cluster. */
  private blocked: Promise<boolean> | undefined;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(private readonly options: ConsumerOptions) {
    this.lockMs = options.lockMs ?? 60_000;
    this.concurrency = options.concurrency;
    this.worker = new Worker(expertQueueName(options.expert), null, {
      connection: options.redis,
      prefix: bullmqPrefix,
      autorun: false,
      drainDelay: drainDelayS,
      lockDuration: this.lockMs,
      stalledInterval: this.lockMs,
      maxStalledCount: unboundedStalls,
    });
    this.worker.on("error", options.onError);
    this.lostFetches = new LostFetches(this.worker, options, {
      isKnown: (id) => [...this.jobs].some(({ job }) => job.id === id),
      isFetching: (token) => this.fetching.has(token),
    });
  }

  get running(): number {
    return this.jobs.size;
  }

  async start(work: Work): Promise<void> {
    await this.worker.waitUntilReady();
    await this.worker.startStalledCheckTimer();
    this.lockTimer = setInterval(() => void this.extendLocks(), this.lockMs / 4);
    this.pulling = true;
    this.lostFetches.start();
    this.loop = this.pull(work);
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency;
    this.roomWaiter?.();
  }

  async stopPulling(): Promise<void> {
    this.pulling = false;
    this.roomWaiter?.();
    await this.loop;
  }

  async idle(): Promise<void> {
    if (this.jobs.size === 0) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  async close(): Promise<void> {
    await this.stopPulling();
    clearInterval(this.lockTimer);
    this.lostFetches.stop();
    await this.worker.close(true);
  }

  /** Sleeps until there is a job, then takes as many as there is room for, several at a time. */
  private async pull(work: Work): Promise<void> {
    while (this.pulling) {
      if (this.room <= 0) {
        await new Promise<void>((resolve) => (this.roomWaiter = resolve));
        continue;
      }
      try {
        if (await this.takeNext(work)) await this.takeBurst(work);
      } catch (error) {
        this.options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, retryFetchMs));
      }
    }
  }

  /**
   * Sleeps until there is a job and takes it. In a cluster, the blocking connection can stay without an answer for good after a
   * failover; then jobs are fetched without it.
   */
  private async takeNext(work: Work): Promise<boolean> {
    if (!isCluster(this.options.redis)) return this.takeOne(work, { block: true });
    if (this.blocked === undefined) {
      const blocked = this.takeOne(work, { block: true }).finally(() => (this.blocked = undefined));
      this.blocked = blocked;
      blocked.catch(() => undefined); // Heard of below, unless it comes too late to matter.
      const found = await Promise.race([blocked, sleep(maxBlockedMs, undefined, { ref: false })]);
      if (found !== undefined) return found;
    }
    await sleep(pollMs);
    return this.takeOne(work, { block: false });
  }

  /**
   * A fetch is a round trip: one after the other, they would set the pace under load. Their number doubles while all
   * find something and falls to what was found otherwise, so that a lone job costs one fetch in vain.
   */
  private async takeBurst(work: Work): Promise<void> {
    while (this.pulling && this.room > 0) {
      const atOnce = Math.min(this.room, this.burst);
      const fetches = Array.from({ length: atOnce }, () => this.takeOne(work, { block: false }));
      const found = (await Promise.all(fetches)).filter((wasThere) => wasThere).length;
      this.burst = found === atOnce ? Math.min(2 * atOnce, maxFetchesAtOnce) : Math.max(1, found);
      if (found < atOnce) return;
    }
  }

  /** Answers whether there was a job. */
  private async takeOne(work: Work, { block }: { readonly block: boolean }): Promise<boolean> {
    // A token of its own each time: should a job be handed back and come here again, the first run cannot settle it.
    const token = `${this.options.workerId}:${(this.taken += 1)}`;
    this.fetching.add(token);
    try {
      const job = await this.worker.getNextJob(token, { block });
      if (job === undefined) return false;
      const running: RunningJob = { job, token, lockLost: new AbortController() };
      // The room may have gone while this call slept in Redis.
      if (this.pulling && this.room > 0) void this.run(running, work);
      else await this.handBack(running);
      return true;
    } finally {
      // Only now, for the job counts among the running ones already.
      this.fetching.delete(token);
    }
  }

  private get room(): number {
    return this.concurrency - this.jobs.size;
  }

  private async run(running: RunningJob, work: Work): Promise<void> {
    const { job, lockLost } = running;
    const id = job.id ?? "";
    this.jobs.add(running);
    try {
      const priorityClass = priorityClassOf(job.opts.priority);
      const outcome: JobOutcome = isRequestId(id)
        ? await work({ id, priorityClass, lockLost: lockLost.signal })
        : { type: "done" };
      await this.settle(running, outcome);
    } catch (error) {
      this.options.onError(error as Error);
      await this.putBack(running);
    } finally {
      this.jobs.delete(running);
      this.roomWaiter?.();
      if (this.jobs.size === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
    }
  }

  /** A job that could not be settled would wait until its lock runs out; so Redis is asked until it obeys. */
  private async putBack(running: RunningJob): Promise<void> {
    while (!running.lockLost.signal.aborted) {
      try {
        return await this.settle(running, { type: "retry", delayMs: retryJobMs });
      } catch (error) {
        if (!this.pulling || isNotOurs(error)) return;
        await new Promise((resolve) => setTimeout(resolve, retryJobMs));
      }
    }
  }

  private async settle(running: RunningJob, outcome: JobOutcome): Promise<void> {
    const { job, token, lockLost } = running;
    if (lockLost.signal.aborted) return;
    if (outcome.type === "done") await job.moveToCompleted("", token, false);
    else if (outcome.type === "retry") await job.moveToDelayed(Date.now() + outcome.delayMs, token);
    else await this.handBack(running);
  }

  private async handBack({ job, token }: RunningJob): Promise<void> {
    await job.moveToWait(token);
    // BullMQ sets no marker for a prioritized job, and an idle worker would sleep on.
    await this.options.redis.zadd(this.worker.toKey("marker"), 0, "0");
  }

  /** Extends the locks of all jobs, as happens all the time, and aborts those that are lost. Never rejects. */
  async extendLocks(): Promise<void> {
    // Of two runs of one job, the earlier one was handed back by somebody and lost its lock then.
    const holders = new Map<string, RunningJob>();
    for (const running of this.jobs) {
      const id = running.job.id ?? "";
      holders.get(id)?.lockLost.abort(lockLostError);
      holders.set(id, running);
    }
    if (holders.size === 0) return;
    try {
      const ids = [...holders.keys()];
      const tokens = [...holders.values()].map(({ token }) => token);
      for (const id of await this.worker.extendJobLocks(ids, tokens, this.lockMs)) {
        holders.get(id)?.lockLost.abort(lockLostError);
      }
    } catch (error) {
      this.options.onError(error as Error);
    }
  }
}

/** Whether BullMQ says that the job is not ours any more; it gives no code, only words. */
function isNotOurs(error: unknown): boolean {
  return (
    error instanceof Error && /^(Missing key|Missing lock|Lock mismatch|Job .* is not in)/.test(error.message)
  );
}
