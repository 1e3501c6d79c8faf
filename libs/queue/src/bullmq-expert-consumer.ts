import { bullmqPrefix, expertQueueName, isRequestId, redisKeys } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { Job, Worker } from "bullmq";
import { bullmqJobOptions } from "./bullmq-settings.js";
import type { ExpertConsumer, JobOutcome, TakenJob } from "./expert-queue.js";
import { EndedRuns } from "./ended-runs.js";
import { JobBell } from "./job-bell.js";
import { LostFetches } from "./lost-fetches.js";
import { ServiceOrder, type EndedRun, type Taken } from "./order/service-order.js";
import { maxTaken } from "./order/take-script.js";
import { plainPolicy, type SchedulingPolicy } from "./scheduling-policy.js";

/** Settings of a {@link BullmqExpertConsumer}. */
export interface ConsumerOptions {
  readonly expert: string;
  /** A connection that waits for Redis; BullMQ opens a second one from it to block on. */
  readonly redis: RedisClient;
  /** Begins the lock token of every job taken, so that another process can hand them back. */
  readonly workerId: string;
  /** Jobs in flight at most. */
  readonly concurrency: number;
  /** Who is served when. Default: classes one after the other, all tenants alike. */
  readonly policy?: SchedulingPolicy;
  /** Long enough to outlast a Redis failover; a dead worker is noticed by its heartbeat, not by this. Default 60 s. */
  readonly lockMs?: number;
  readonly onError: (error: Error) => void;
}

const retryTakeMs = 250;
const retryJobMs = 1_000;
const lockLostError = new Error("the queue gave the job to another worker");
/** A job that stalls is handed on, however often: attempts are counted in the request's record. */
const unboundedStalls = 1_000_000;

type Work = (job: TakenJob) => Promise<JobOutcome>;

interface RunningJob {
  readonly id: string;
  readonly priorityClass: TakenJob["priorityClass"];
  readonly token: string;
  readonly lockLost: AbortController;
}

/** {@link ExpertConsumer} that takes jobs in the {@link ServiceOrder} and settles them with BullMQ. */
export class BullmqExpertConsumer implements ExpertConsumer {
  private readonly worker: Worker;
  private readonly order: ServiceOrder;
  private readonly bell: JobBell;
  private readonly jobs = new Set<RunningJob>();
  /** Token of the call under way. */
  private taking: string | undefined;
  private readonly lostFetches: LostFetches;
  private calls = 0;
  private readonly ended = new EndedRuns();
  private telling: NodeJS.Immediate | undefined;
  private readonly lockMs: number;
  private pulling = false;
  private closed = false;
  private concurrency: number;
  private loop: Promise<void> | undefined;
  private lockTimer: NodeJS.Timeout | undefined;
  private roomWaiter: (() => void) | undefined;
  /** No call follows soon by itself that could tell of runs that have ended. */
  private rests = true;
  /** Times that room was made. */
  private growths = 0;
  /** Asleep beside batch work that waits for more room than there is: no bell rings when there is more. */
  private sleepsBesideHeld = false;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(private readonly options: ConsumerOptions) {
    const { expert, redis, workerId } = options;
    this.lockMs = options.lockMs ?? 60_000;
    this.concurrency = options.concurrency;
    this.worker = new Worker(expertQueueName(expert), null, {
      connection: redis,
      prefix: bullmqPrefix,
      autorun: false,
      lockDuration: this.lockMs,
      stalledInterval: this.lockMs,
      maxStalledCount: unboundedStalls,
    });
    this.worker.on("error", options.onError);
    this.order = new ServiceOrder(expert, redis, options.policy ?? plainPolicy);
    this.bell = new JobBell(redis, () => this.blockingConnection(), {
      marker: this.worker.toKey("marker"),
      own: redisKeys.workerBell(expert, workerId),
    });
    this.lostFetches = new LostFetches(this.worker, options, {
      isKnown: (id) => this.ended.includes(id) || [...this.jobs].some((running) => running.id === id),
      isFetching: (token) => this.taking === token,
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
    this.roomGrew();
  }

  async stopPulling(): Promise<void> {
    this.pulling = false;
    this.roomWaiter?.();
    await this.bell.wake().catch(() => undefined); // It wakes by itself soon.
    await this.loop;
    // So that nothing is left to it; its record would be stale soon anyway.
    if (this.loop !== undefined) await this.tell().catch(() => this.tellSoon());
  }

  async idle(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  async close(): Promise<void> {
    await this.stopPulling();
    this.closed = true;
    this.rests = false;
    clearInterval(this.lockTimer);
    clearImmediate(this.telling);
    this.lostFetches.stop();
    await this.worker.close(true);
  }

  /** Takes as many jobs as there is room for, and sleeps when there are no more. */
  private async pull(work: Work): Promise<void> {
    while (this.pulling) {
      if (this.room <= 0) {
        await this.rest(() => new Promise<void>((resolve) => (this.roomWaiter = resolve)));
        continue;
      }
      try {
        const wanted = Math.min(this.room, maxTaken);
        const { growths } = this;
        const { jobs, lookAgainMs, held } = await this.take(wanted, work);
        if (jobs.length === wanted || !this.pulling) continue;
        if (held && this.growths !== growths) continue;
        this.sleepsBesideHeld = held;
        const tookMarker = await this.rest(() => this.bell.sleep(lookAgainMs));
        // The room may have gone meanwhile.
        if (tookMarker && (!this.pulling || this.room <= 0)) await this.bell.passOn();
      } catch (error) {
        this.options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, retryTakeMs));
      }
    }
    this.rests = true;
  }

  /** What ends meanwhile, and what ended before, is told at once. */
  private async rest<Waited>(wait: () => Promise<Waited>): Promise<Waited> {
    this.rests = true;
    this.tellSoon();
    try {
      return await wait();
    } finally {
      this.rests = !this.pulling;
      this.sleepsBesideHeld = false;
    }
  }

  private async take(wanted: number, work: Work): Promise<Taken> {
    // A token of its own each time: should a job be handed back and come here again, the first run cannot settle it.
    const token = `${this.options.workerId}:${(this.calls += 1)}`;
    this.taking = token;
    try {
      const taken = await this.call(token, wanted);
      for (const { id, priorityClass } of taken.jobs) {
        const running = { id, priorityClass, token, lockLost: new AbortController() };
        // The room may have gone while the call was under way.
        const hasRoom = this.pulling && this.room > 0;
        void this.run(running, hasRoom ? work : async () => ({ type: "hand-back" }));
      }
      return taken;
    } finally {
      // Only now, for the jobs count among the running ones already.
      this.taking = undefined;
    }
  }

  private async call(token: string, wanted: number): Promise<Taken> {
    const { workerId } = this.options;
    const { lockMs, concurrency } = this;
    const room = this.pulling ? Math.max(0, this.room) : 0;
    const taken = await this.ended.tell((ended) =>
      this.order.take({ workerId, token, wanted, room, concurrency, lockMs, ended }),
    );
    this.wakeIdleWaiters();
    return taken;
  }

  private get room(): number {
    return this.concurrency - this.jobs.size;
  }

  private async run(running: RunningJob, work: Work): Promise<void> {
    const { id, token, priorityClass, lockLost } = running;
    this.jobs.add(running);
    let cost: EndedRun["cost"] = "returned";
    try {
      const outcome = isRequestId(id)
        ? await work({ id, priorityClass, lockLost: lockLost.signal })
        : await this.dismiss(running);
      if (outcome.type === "done") cost = outcome.tokens ?? "unknown";
      else await this.giveBack(running, outcome);
    } catch (error) {
      this.options.onError(error as Error);
      await this.giveBack(running, { type: "retry", delayMs: retryJobMs });
    }
    this.jobs.delete(running);
    this.ended.add({ id, token, cost });
    if (this.rests && !this.sleepsBesideHeld) this.tellSoon();
    this.roomGrew();
  }

  private roomGrew(): void {
    this.growths += 1;
    this.roomWaiter?.();
    if (!this.sleepsBesideHeld) return;
    this.sleepsBesideHeld = false;
    this.bell.wake().catch(() => undefined); // It wakes by itself soon.
  }

  /** Unless a call tells of it before that. */
  private tellSoon(): void {
    this.telling ??= setImmediate(() => {
      this.telling = undefined;
      if (!this.rests || !this.ended.hasUntold) return;
      this.tell().catch((error: unknown) => {
        this.options.onError(error as Error);
        setTimeout(() => this.tellSoon(), retryTakeMs).unref();
      });
    });
  }

  private async tell(): Promise<void> {
    do await this.call(`${this.options.workerId}:0`, 0);
    while (this.ended.hasUntold);
  }

  /** Whether no job is in flight, and the queue knows it. */
  get isIdle(): boolean {
    return this.jobs.size === 0 && this.ended.size === 0;
  }

  private wakeIdleWaiters(): void {
    if (this.idleWaiters.length === 0 || !this.isIdle) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  /**
   * A job that is not given back would wait until its lock runs out; so Redis is asked until it obeys, also while
   * this worker drains. Never rejects.
   */
  private async giveBack(running: RunningJob, outcome: Exclude<JobOutcome, { type: "done" }>): Promise<void> {
    while (!this.closed && !running.lockLost.signal.aborted) {
      try {
        const job = this.bullmqJob(running.id);
        if (outcome.type === "hand-back") await job.moveToWait(running.token);
        else await job.moveToDelayed(Date.now() + outcome.delayMs, running.token);
        return;
      } catch (error) {
        this.options.onError(error as Error);
        if (isNotOurs(error)) return;
        await new Promise((resolve) => setTimeout(resolve, retryJobMs));
      }
    }
  }

  /** Of another program: nobody here knows what it wants, or who waits for it. */
  private async dismiss({ id, token }: RunningJob): Promise<JobOutcome> {
    await this.bullmqJob(id).moveToCompleted("", token, false);
    return { type: "done" };
  }

  private bullmqJob(id: string): Job {
    return new Job(this.worker, "request", {}, bullmqJobOptions, id);
  }

  /** Extends the locks of all jobs, as happens all the time, and aborts those that are lost. Never rejects. */
  async extendLocks(): Promise<void> {
    // Of two runs of one job, the earlier one was handed back by somebody and lost its lock then.
    const holders = new Map<string, RunningJob>();
    for (const running of this.jobs) {
      holders.get(running.id)?.lockLost.abort(lockLostError);
      holders.set(running.id, running);
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

  /** BullMQ opens it for its own loop, which is not used, and closes it. */
  private async blockingConnection(): Promise<RedisClient> {
    return (await this.worker.getBackend().blockingClient) as unknown as RedisClient;
  }
}

/** Whether BullMQ says that the job is not ours any more; it gives no code, only words. */
function isNotOurs(error: unknown): boolean {
  return (
    error instanceof Error && /^(Missing key|Missing lock|Lock mismatch|Job .* is not in)/.test(error.message)
  );
}
