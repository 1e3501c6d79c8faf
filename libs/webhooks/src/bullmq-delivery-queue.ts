import { webhookQueueName, webhookQueuePrefix } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { Queue, Worker } from "bullmq";
import type { DeliveryAttempt, DeliveryQueue, RetryPlan } from "./delivery-queue.js";

/** Settings of a {@link BullmqDeliveryQueue}. */
export interface DeliveryQueueOptions extends RetryPlan {
  /** For adding: may fail fast. */
  readonly producer: RedisClient;
  /** For working: waits for Redis; BullMQ opens a second one from it to block on. */
  readonly consumer: RedisClient;
  readonly onError: (error: Error) => void;
}

const deliveriesAtOnce = 32;
/** A process that died holds its deliveries so long. Far longer than an attempt takes. */
const lockMs = 60_000;
const stalledLookMs = 15_000;
/** A delivery that stalls is tried again, however often. */
const unboundedStalls = 1_000_000;
const jitter = 1 / 3;
/** Settled deliveries that are remembered, so that an ingress which hears late of an end does not deliver it again. */
const remembered = { age: 3_600, count: 10_000 } as const;
const stopMs = 2_000;

const name = "delivery";

/** {@link DeliveryQueue} on BullMQ, which keeps the attempts, their pauses and the locks. */
export class BullmqDeliveryQueue implements DeliveryQueue {
  private readonly queue: Queue;
  private worker: Worker | undefined;

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

  async start(deliver: (attempt: DeliveryAttempt) => Promise<"settled" | "again">): Promise<void> {
    const { consumer, maxAttempts, onError } = this.options;
    this.worker = new Worker(
      webhookQueueName,
      async (job) => {
        const attempt = job.attemptsMade + 1;
        const isLast = attempt >= (job.opts.attempts ?? maxAttempts);
        const outcome = await deliver({ id: job.id ?? "", attempt, isLast });
        if (outcome === "again") throw new Error("not delivered");
      },
      {
        connection: consumer,
        prefix: webhookQueuePrefix,
        concurrency: deliveriesAtOnce,
        lockDuration: lockMs,
        stalledInterval: stalledLookMs,
        maxStalledCount: unboundedStalls,
      },
    );
    this.worker.on("error", onError);
    await this.worker.waitUntilReady();
  }

  async stop(): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => (timer = setTimeout(() => resolve("late"), stopMs)));
    const closed = worker.close().then(() => "closed" as const);
    // What is left behind is given to another process when its lock ends.
    if ((await Promise.race([closed, late])) === "late") await worker.close(true);
    clearTimeout(timer);
    await this.queue.close();
  }
}
