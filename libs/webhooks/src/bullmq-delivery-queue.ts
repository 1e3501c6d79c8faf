import { webhookQueueName, webhookQueuePrefix } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { DelayedError, Queue, Worker, type Job } from "bullmq";
import { attemptsAtOnce } from "./attempts-under-way.js";
import type { DeliveryAttempt, DeliveryOutcome, DeliveryQueue, RetryPlan } from "./delivery-queue.js";

/** Settings of a {@link BullmqDeliveryQueue}. */
export interface DeliveryQueueOptions extends RetryPlan {
  /** For adding: may fail fast. */
  readonly producer: RedisClient;
  /** For working: waits for Redis; BullMQ opens a second one from it to block on. */
  readonly consumer: RedisClient;
  readonly onError: (error: Error) => void;
}

/** A process that died holds its deliveries so long. Far longer than an attempt takes. */
const lockMs = 60_000;
const stalledLookMs = 15_000;
/** A delivery that stalls is tried again, however often. */
const unboundedStalls = 1_000_000;
const jitter = 1 / 3;
/** Settled deliveries that are remembered, so that an ingress which hears late of an end does not deliver it again. */
const remembered = { age: 3_600, count: 10_000 } as const;
/** Time of attempts under way to come to their end when the process ends, and then for putting the others back. */
const graceMs = 1_000;
const putBackMs = 1_000;
/** First pause of a delivery that has to wait, its growth, and the longest: so it waits little longer than it has to. */
const firstWaitMs = 250;
const waitGrowth = 1.5;
const longestWaitMs = 30_000;

const name = "delivery";

/** {@link DeliveryQueue} on BullMQ, which keeps the attempts, their pauses and the locks. */
export class BullmqDeliveryQueue implements DeliveryQueue {
  private readonly queue: Queue;
  private worker: Worker | undefined;
  private stopped: Promise<void> | undefined;
  private readonly ending = new AbortController();

  constructor(private readonly options: DeliveryQueueOptions) {
    this.queue = new Queue(webhookQueueName, {
      connection: options.producer,
      prefix: webhookQueuePrefix,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: {
        attempts: options.maxAttempts,
        backoff: { type: "exponential", delay: options.firstRetryMs, jitter },
        removeOnComplete: remembered,
        removeOnFail: remembered,
      },
    });
    // The owner of the connection hears its errors.
    this.queue.on("error", () => undefined);
  }

  async enqueue(id: string): Promise<void> {
    await this.queue.add(name, {}, { jobId: id });
  }

  async start(deliver: (attempt: DeliveryAttempt) => Promise<DeliveryOutcome>): Promise<void> {
    const { consumer, onError } = this.options;
    this.worker = new Worker(webhookQueueName, (job) => this.attempt(job, deliver), {
      connection: consumer,
      prefix: webhookQueuePrefix,
      concurrency: attemptsAtOnce.inAll,
      lockDuration: lockMs,
      stalledInterval: stalledLookMs,
      maxStalledCount: unboundedStalls,
    });
    this.worker.on("error", onError);
    await this.worker.waitUntilReady();
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return;
    // BullMQ waits for what is under way without a bound, and for Redis too.
    const closed = worker
      .close()
      .then(() => this.queue.close())
      .catch(this.options.onError);
    if (await endsWithin(closed, graceMs)) return;
    this.ending.abort(new Error("this process is ending"));
    // What is left behind is given to another process when its lock ends.
    await endsWithin(closed, putBackMs);
  }

  private async attempt(
    job: Job,
    deliver: (attempt: DeliveryAttempt) => Promise<DeliveryOutcome>,
  ): Promise<void> {
    const attempt = job.attemptsMade + 1;
    const isLast = attempt >= (job.opts.attempts ?? this.options.maxAttempts);
    const outcome = await deliver({ id: job.id ?? "", attempt, isLast, signal: this.ending.signal }).catch(
      (error: Error) => {
        this.options.onError(error);
        return "later" as const;
      },
    );
    if (outcome === "again") throw new Error("not delivered");
    if (outcome === "settled") return;
    await job.moveToDelayed(Date.now() + this.waitMs(job), job.token);
    throw new DelayedError();
  }

  /** Grows with each wait, so that ten thousand that wait for one receiver make some hundred looks a second, not thousands. */
  private waitMs({ attemptsStarted, attemptsMade }: Job): number {
    if (this.ending.signal.aborted) return 0;
    const waitsBefore = attemptsStarted - attemptsMade - 1;
    const longest = Math.min(firstWaitMs * waitGrowth ** waitsBefore, longestWaitMs);
    return longest * (1 - Math.random() / 2);
  }
}

/** Whether `task` ends within `ms`. */
async function endsWithin(task: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const inTime = await Promise.race([task.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
