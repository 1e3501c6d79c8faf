import { expertQueueName, type PriorityClass, type RequestId } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { Job, Queue } from "bullmq";
import { bullmqJobOptions, bullmqQueueSettings } from "./bullmq-settings.js";
import type {
  Admission,
  AdmissionClaim,
  ExpertQueue,
  QueuedJob,
  QueueFigures,
  QueuePlace,
} from "./expert-queue.js";
import { ServiceOrder } from "./order/service-order.js";
import { plainPolicy, type SchedulingPolicy } from "./scheduling-policy.js";

/** {@link ExpertQueue} on a BullMQ queue with a {@link ServiceOrder} beside it. */
export class BullmqExpertQueue implements ExpertQueue {
  private readonly order: ServiceOrder;

  constructor(
    readonly expert: string,
    private readonly queue: Queue,
    private readonly redis: RedisClient,
    policy: SchedulingPolicy = plainPolicy,
  ) {
    this.order = new ServiceOrder(expert, redis, policy);
  }

  /** A queue with a BullMQ `Queue` of its own on `redis`, for processes without a container. */
  static create(expert: string, redis: RedisClient, policy?: SchedulingPolicy): BullmqExpertQueue {
    const queue = new Queue(expertQueueName(expert), { connection: redis, ...bullmqQueueSettings });
    queue.on("error", () => undefined); // The connection's owner hears its errors.
    return new BullmqExpertQueue(expert, queue, redis, policy);
  }

  enqueue(job: QueuedJob): Promise<void> {
    return this.order.enqueue(job, bullmqJobOptions);
  }

  async remove(id: RequestId): Promise<boolean> {
    if (!(await this.order.withdraw(id))) return false;
    // A job that a worker has taken since is locked, and BullMQ refuses to remove it.
    return (await this.queue.remove(id)) === 1;
  }

  async has(id: RequestId): Promise<boolean> {
    return (await this.redis.exists(this.queue.toKey(id))) === 1;
  }

  place(id: RequestId): Promise<QueuePlace | undefined> {
    return this.order.place(id);
  }

  figures(): Promise<QueueFigures> {
    return this.order.figures();
  }

  admit(claim: AdmissionClaim): Promise<Admission> {
    return this.order.admit(claim);
  }

  waitingOf(tenant: string, priorityClass: PriorityClass): Promise<number> {
    return this.order.waitingOf(tenant, priorityClass);
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
    return moved;
  }

  async close(): Promise<void> {
    await this.queue.close();
  }
}
