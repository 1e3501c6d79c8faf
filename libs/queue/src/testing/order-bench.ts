import { expertQueueName, newRequestId, type RequestId } from "@expert-router/contracts";
import { connectRedis, isCluster, type RedisClient } from "@expert-router/redis";
import { Queue } from "bullmq";
import { bullmqJobOptions, bullmqQueueSettings } from "../bullmq-settings.js";
import { BullmqExpertQueue } from "../bullmq-expert-queue.js";
import type { QueuedJob } from "../expert-queue.js";
import { ServiceOrder, type EndedRun } from "../order/service-order.js";
import { plainPolicy, type SchedulingPolicy } from "../scheduling-policy.js";
import { queueServers } from "./queue-servers.js";

/** A policy with what a spec says, and the plain rest. */
export function policyOf(parts: Partial<SchedulingPolicy>): SchedulingPolicy {
  return { ...plainPolicy, ...parts };
}

/** What a spec takes in place of a worker. */
export interface TakeOptions {
  readonly workerId?: string;
  readonly room?: number;
  readonly concurrency?: number;
  readonly token?: string;
  readonly ended?: readonly EndedRun[];
}

let experts = 0;

/** One expert's order of service, driven step by step without workers. */
export class OrderUnderTest {
  readonly expert = `expert-${(experts += 1)}`;
  readonly order: ServiceOrder;
  readonly queue: BullmqExpertQueue;
  private readonly bullmq: Queue;
  private takes = 0;
  /** Jobs as they were queued. */
  readonly queued = new Map<string, QueuedJob>();
  /** Tokens of the locks by job. */
  readonly tokens = new Map<string, string>();

  constructor(
    readonly redis: RedisClient,
    policy: SchedulingPolicy = plainPolicy,
  ) {
    this.order = new ServiceOrder(this.expert, redis, policy);
    this.bullmq = new Queue(expertQueueName(this.expert), { connection: redis, ...bullmqQueueSettings });
    this.queue = new BullmqExpertQueue(this.expert, this.bullmq, redis, policy);
  }

  key(name: string): string {
    return `er:{${this.expert}}:${name}`;
  }

  /** Queues `count` like jobs. */
  async add(count: number, job: Partial<QueuedJob> = {}): Promise<RequestId[]> {
    const ids = Array.from({ length: count }, () => newRequestId());
    await Promise.all(
      ids.map((id) => {
        const whole = { id, priorityClass: "async", tenant: "a", expectedTokens: 100, ...job } as const;
        this.queued.set(id, whole);
        return this.order.enqueue(whole, bullmqJobOptions);
      }),
    );
    return ids;
  }

  /** Takes up to `wanted` jobs; answers their ids. */
  async take(wanted: number, options: TakeOptions = {}): Promise<string[]> {
    return (await this.takeWith(wanted, options)).jobs.map(({ id }) => id);
  }

  async takeWith(wanted: number, options: TakeOptions = {}): ReturnType<ServiceOrder["take"]> {
    const { workerId = "wrk_a", room = wanted, concurrency = 1_000, ended = [] } = options;
    const token = options.token ?? `${workerId}:${(this.takes += 1)}`;
    const call = { workerId, token, wanted, room, concurrency, lockMs: 60_000, ended };
    const taken = await this.order.take(call);
    for (const { id } of taken.jobs) this.tokens.set(id, token);
    return taken;
  }

  /** As a worker tells that it is done. */
  ended(id: string, cost: EndedRun["cost"] = "unknown"): EndedRun {
    return { id, token: this.tokens.get(id) ?? "", cost };
  }

  /** Ends a taken job as a worker does. */
  async finish(id: string, cost: EndedRun["cost"] = "unknown"): Promise<void> {
    const token = (await this.redis.get(this.key(`${id}:lock`))) ?? "";
    await this.order.take({
      workerId: token.split(":", 1)[0] ?? "",
      token: "",
      wanted: 0,
      room: 0,
      concurrency: 8,
      lockMs: 60_000,
      ended: [{ id, token, cost }],
    });
  }

  /** As if somebody had deleted all that is not BullMQ's. */
  async loseOrder(): Promise<void> {
    const names = await keysOf(this.redis, this.key("order:*"));
    for (const name of names) await this.redis.del(name);
  }

  tenantsOf(ids: readonly string[]): string[] {
    return ids.map((id) => this.queued.get(id)?.tenant ?? "?");
  }

  classesOf(ids: readonly string[]): string[] {
    return ids.map((id) => this.queued.get(id)?.priorityClass ?? "?");
  }
}

/** A server for a spec's life. */
export async function startBench(): Promise<{ redis: RedisClient; stop(): Promise<void> }> {
  const server = await queueServers.start();
  const redis = connectRedis(server.url, { mode: "wait", name: "order-spec", onError: () => undefined });
  return {
    redis,
    stop: async () => {
      redis.disconnect();
      await server.stop();
    },
  };
}

/** In a cluster, `KEYS` answers what one node has. */
async function keysOf(redis: RedisClient, pattern: string): Promise<string[]> {
  if (!isCluster(redis)) return redis.keys(pattern);
  return (await Promise.all(redis.nodes("master").map((node) => node.keys(pattern)))).flat();
}
