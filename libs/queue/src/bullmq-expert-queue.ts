import { bullmqPrefix, expertQueueName, type PriorityClass, type RequestId } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { Job, Queue, type DefaultJobOptions } from "bullmq";
import type { Admission, ExpertQueue, JobSum, QueuedJob, QueueFigures, QueuePlace } from "./expert-queue.js";
import { bullmqPriorities } from "./priorities.js";

/**
 * A finished job leaves nothing behind in BullMQ: its record and its log have a retention of their own. How often a
 * job is tried is decided by the worker, from the attempts in that record.
 */
export const bullmqJobOptions: DefaultJobOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1,
};

/** Settings that every process must give to an expert's BullMQ queue. */
export const bullmqQueueSettings = {
  prefix: bullmqPrefix,
  defaultJobOptions: bullmqJobOptions,
  streams: { events: { maxLen: 100 } },
  skipMetasUpdate: false,
} as const;

/** {@link ExpertQueue} on a BullMQ queue. */
export class BullmqExpertQueue implements ExpertQueue {
  constructor(
    readonly expert: string,
    private readonly queue: Queue,
    private readonly redis: RedisClient,
  ) {}

  /** A queue with a BullMQ `Queue` of its own on `redis`, for processes without a container. */
  static create(expert: string, redis: RedisClient): BullmqExpertQueue {
    const queue = new Queue(expertQueueName(expert), { connection: redis, ...bullmqQueueSettings });
    queue.on("error", () => undefined); // The connection's owner hears its errors.
    return new BullmqExpertQueue(expert, queue, redis);
  }

  async enqueue(job: QueuedJob): Promise<void> {
    const priority = bullmqPriorities[job.priorityClass];
    await this.queue.add("request", {}, priority === 0 ? { jobId: job.id } : { jobId: job.id, priority });
  }

  async remove(id: RequestId): Promise<boolean> {
    // A job that a worker holds is locked, and BullMQ refuses to remove it.
    return (await this.queue.remove(id)) === 1;
  }

  async has(id: RequestId): Promise<boolean> {
    return (await this.redis.exists(this.queue.toKey(id))) === 1;
  }

  async place(id: RequestId): Promise<QueuePlace | undefined> {
    const position = await this.position(id);
    return position === undefined ? undefined : { position, positionInClass: position };
  }

  async figures(): Promise<QueueFigures> {
    const depth = await this.depth();
    const sum = (jobs: number): JobSum => ({ jobs, tokens: 0 });
    return {
      waiting: {
        interactive: sum(depth.interactive),
        async: sum(depth.async),
        batch: sum(depth.batch),
      },
      started: { interactive: sum(0), async: sum(0), batch: sum(0) },
      booked: { interactive: 0, async: 0, batch: 0 },
    };
  }

  async admit(): Promise<Admission> {
    return { admitted: true };
  }

  async waitingOf(): Promise<number> {
    return 0;
  }

  async position(id: RequestId): Promise<number | undefined> {
    const [wait, prioritized] = [this.queue.toKey("wait"), this.queue.toKey("prioritized")];
    // Taken from the right end, so the rank counts from there.
    const fromEnd = await this.redis.lpos(wait, id, "RANK", -1);
    const [length, rank] = await Promise.all([this.redis.llen(wait), this.redis.zrank(prioritized, id)]);
    if (fromEnd !== null) return Math.max(0, length - 1 - fromEnd);
    return rank === null ? undefined : length + rank;
  }

  async depth(): Promise<Record<PriorityClass, number>> {
    const counts = await this.queue.getCountsPerPriority(Object.values(bullmqPriorities));
    return {
      interactive: counts[bullmqPriorities.interactive] ?? 0,
      async: counts[bullmqPriorities.async] ?? 0,
      batch: counts[bullmqPriorities.batch] ?? 0,
    };
  }

  /**
   * Puts the jobs that `workerId` holds back to the head of the queue; answers how many. Safe at any time and from
   * any process: BullMQ compares the lock's token in the script that moves the job.
   */
  async handBackJobsOf(workerId: string): Promise<number> {
    const active = await this.redis.lrange(this.queue.toKey("active"), 0, -1);
    if (active.length === 0) return 0;
    const locks = await Promise.all(active.map((id) => this.redis.get(this.queue.toKey(`${id}:lock`))));
    let moved = 0;
    for (const [i, id] of active.entries()) {
      const token = locks[i];
      if (token?.startsWith(`${workerId}:`) !== true) continue;
      const job = await Job.fromId(this.queue, id);
      if (job === undefined) continue;
      await job.moveToWait(token).then(
        () => (moved += 1),
        () => undefined, // Finished or taken back in between.
      );
    }
    if (moved > 0) await this.wakeWorkers();
    return moved;
  }

  async close(): Promise<void> {
    await this.queue.close();
  }

  /** BullMQ sets no marker when it puts a prioritized job back, so an idle worker would sleep on. */
  private async wakeWorkers(): Promise<void> {
    await this.redis.zadd(this.queue.toKey("marker"), 0, "0");
  }
}
