import { bullmqPrefix, expertQueueName, isRequestId, type RequestId } from "@expert-router/contracts";
import { Worker, type Job } from "bullmq";
import type { Redis } from "ioredis";
import type { ExpertConsumer, JobOutcome, TakenJob } from "./expert-queue.js";
import { priorityClassOf } from "./priorities.js";

/** Settings of a {@link BullmqExpertConsumer}. */
export interface ConsumerOptions {
  readonly expert: string;
  /** A connection that waits for Redis; BullMQ opens a second one from it to block on. */
  readonly redis: Redis;
  /** Lock token of every job taken, so that another process can hand them back. */
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
/** A job that stalls is handed on, however often: attempts are counted in the request's record. */
const unboundedStalls = 1_000_000;

interface RunningJob {
  readonly job: Job;
  readonly lockLost: AbortController;
}

/** {@link ExpertConsumer} that fetches by hand from BullMQ, so that it takes a job only while there is room. */
export class BullmqExpertConsumer implements ExpertConsumer {
  private readonly worker: Worker;
  private readonly jobs = new Map<string, RunningJob>();
  private readonly lockMs: number;
  private pulling = false;
  private concurrency: number;
  private loop: Promise<void> | undefined;
  private lockTimer: NodeJS.Timeout | undefined;
  private roomWaiter: (() => void) | undefined;
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
  }

  get running(): number {
    return this.jobs.size;
  }

  async start(work: (job: TakenJob) => Promise<JobOutcome>): Promise<void> {
    await this.worker.waitUntilReady();
    await this.worker.startStalledCheckTimer();
    this.lockTimer = setInterval(() => void this.extendLocks(), this.lockMs / 4);
    this.pulling = true;
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
    await this.worker.close(true);
  }

  private async pull(work: (job: TakenJob) => Promise<JobOutcome>): Promise<void> {
    while (this.pulling) {
      if (this.jobs.size >= this.concurrency) {
        await new Promise<void>((resolve) => (this.roomWaiter = resolve));
        continue;
      }
      try {
        const job = await this.worker.getNextJob(this.options.workerId);
        if (job === undefined) continue;
        if (this.pulling) void this.run(job, work);
        else await this.handBack(job);
      } catch (error) {
        this.options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, retryFetchMs));
      }
    }
  }

  private async run(job: Job, work: (job: TakenJob) => Promise<JobOutcome>): Promise<void> {
    const id = job.id ?? "";
    const lockLost = new AbortController();
    this.jobs.set(id, { job, lockLost });
    try {
      const outcome: JobOutcome = isRequestId(id)
        ? await work({ id: id as RequestId, priorityClass: priorityClassOf(job.opts.priority), lockLost: lockLost.signal })
        : { type: "done" };
      if (!lockLost.signal.aborted) await this.settle(job, outcome);
    } catch (error) {
      // The lock runs out, and the job goes to another worker.
      this.options.onError(error as Error);
    } finally {
      this.jobs.delete(id);
      this.roomWaiter?.();
      if (this.jobs.size === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
    }
  }

  private async settle(job: Job, outcome: JobOutcome): Promise<void> {
    const token = this.options.workerId;
    if (outcome.type === "done") await job.moveToCompleted("", token, false);
    else if (outcome.type === "retry") await job.moveToDelayed(Date.now() + outcome.delayMs, token);
    else await this.handBack(job);
  }

  private async handBack(job: Job): Promise<void> {
    await job.moveToWait(this.options.workerId);
    // BullMQ sets no marker for a prioritized job, and an idle worker would sleep on.
    await this.options.redis.zadd(this.worker.toKey("marker"), 0, "0");
  }

  private async extendLocks(): Promise<void> {
    const ids = [...this.jobs.keys()];
    if (ids.length === 0) return;
    try {
      const tokens = ids.map(() => this.options.workerId);
      for (const id of await this.worker.extendJobLocks(ids, tokens, this.lockMs)) {
        this.jobs.get(id)?.lockLost.abort(new Error("the queue gave the job to another worker"));
      }
    } catch (error) {
      this.options.onError(error as Error);
    }
  }
}
