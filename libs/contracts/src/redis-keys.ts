import type { BatchId, RequestId } from "./ids.js";

/**
 * Every Redis name of the system. Braces are Redis Cluster hash tags: the keys of one request share a slot,
 * so do the keys of one expert's queue, and a script may touch several of them at once.
 */
export const redisKeys = {
  /** Hash: body, endpoint, tenant, class, decision, status, usage … of one request. */
  meta: (id: RequestId): string => `er:{${id}}:meta`,
  /** Stream: the token log of one request. */
  log: (id: RequestId): string => `er:{${id}}:log`,
  /** Sorted set of the job ids of one tenant, in the order of the ids, which is that of creation. */
  jobIndex: (tenant: string): string => `er:jobs:${tenant}`,
  /** Hash: what one tenant's Idempotency-Key stands for; `keyHash`: hash of the key. */
  idempotencyClaim: (tenant: string, keyHash: string): string => `er:{idem-${tenant}-${keyHash}}:claim`,
  /** Sorted set job id → Unix time in ms at which somebody looks whether its queue entry was lost, of one expert. */
  openJobs: (expert: string): string => `er:{jobs-${expert}}:open`,
  /** Sorted set request id → Unix time in ms at which somebody looks whether it has ended, of those with a webhook. */
  pendingWebhooks: "er:{webhooks:pending}:looks",
  /** Pub/sub channel on which every ingress hears the ids of requests with a webhook that have ended. */
  webhookChannel: "er:webhooks",
  /** Who runs a batch; expires unless renewed. */
  batchLease: (id: BatchId): string => `er:{${id}}:lease`,
  /** How far a batch is (JSON). */
  batchProgress: (id: BatchId): string => `er:{${id}}:progress`,
  /** Hash expiry (Unix time in ms) → bytes that one tenant stored until then, about. */
  tenantBytes: (tenant: string): string => `er:{bytes-${tenant}}:stored`,
  /** Hash worker id → its last report (JSON), of one expert. */
  workers: (expert: string): string => `er:{workers-${expert}}:reports`,
  /** Sorted set worker id → time of its last heartbeat in ms of the Redis clock, of one expert. */
  heartbeats: (expert: string): string => `er:{workers-${expert}}:beats`,
  /**
   * Hash: counters and virtual times of one expert's order of service. In the hash tag of its BullMQ queue, whose keys the
   * same scripts touch; the scripts themselves name what lies beside it, `er:{expert}:order:…`. No job's id begins so.
   */
  orderState: (expert: string): string => `${bullmqKeys(expert)}order:state`,
  /** Sorted set that one worker of an expert blocks on beside BullMQ's marker: a member says that there is a job for it. */
  workerBell: (expert: string, workerId: string): string => `${bullmqKeys(expert)}order:bell:${workerId}`,
  /** Hash request id → dead letter (JSON), of one expert. */
  deadLetters: (expert: string): string => `er:{dead-${expert}}:letters`,
  /** Sorted set request id → time of its failure in ms, of one expert. */
  deadLettersByTime: (expert: string): string => `er:{dead-${expert}}:times`,
  /** Held while a request is replayed. */
  replayLock: (id: RequestId): string => `er:{${id}}:replay`,
  /** Hash worker id → run id of the Redis server on which its presence channel was seen subscribed, of one expert. */
  presences: (expert: string): string => `er:{workers-${expert}}:presences`,
  /** Hash worker id → time since which it is suspected of being dead, of one expert. */
  suspects: (expert: string): string => `er:{workers-${expert}}:suspects`,
  /** Pub/sub channel that one worker subscribes to and nobody publishes on: Redis drops the subscription when it dies. */
  presenceChannel: (workerId: string): string => `er:present:${workerId}`,
  /** Pub/sub channel on which one ingress process hears the live tokens of the requests it follows. */
  liveChannel: (ingressId: string): string => `er:live:${ingressId}`,
  /** Sorted set live channel → time of its ingress process's last beat in ms of the Redis clock. */
  followerBeats: "er:{followers}:beats",
  /** Pub/sub channel on which the workers of one expert hear cancellations and new followers. */
  controlChannel: (expert: string): string => `er:control:${expert}`,
  // No expert's id holds a colon, so these never meet the keys of a queue.
  /** Hash: revision and plan of the router's deployment. */
  routerDeployment: "er:{router:state}:deployment",
  /** Hash ingress id → its last report about its routers (JSON). */
  routerReplicas: "er:{router:state}:replicas",
  /** Sorted set ingress id → time of that report in ms of the Redis clock. */
  routerReplicaBeats: "er:{router:state}:beats",
  /** Pub/sub channel on which every ingress hears that the deployment has changed. */
  routerChannel: "er:router",
  /** Stream of live prompts that the operator wants kept for retraining. */
  keptPrompts: "er:{router:state}:prompts",
} as const;

/** BullMQ's key prefix; with {@link expertQueueName} the keys are `er:{expert}:…`. */
export const bullmqPrefix = "er";

/** The BullMQ queue of one expert. */
export function expertQueueName(expert: string): string {
  return `{${expert}}`;
}

/** The BullMQ queue of webhooks to be delivered; its prefix keeps it apart from an expert of that name. */
export const webhookQueueName = "{deliveries}";
export const webhookQueuePrefix = "er:webhooks";

/** What the keys of one expert's BullMQ queue begin with. */
export function bullmqKeys(expert: string): string {
  return `${bullmqPrefix}:${expertQueueName(expert)}:`;
}
