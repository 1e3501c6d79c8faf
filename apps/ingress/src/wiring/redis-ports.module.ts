import { RedisBatchLeases } from "@expert-router/batch";
import { expertQueueName, redisKeys, type RequestId } from "@expert-router/contracts";
import { openFileStore, type FileStore } from "@expert-router/file-store";
import { BullmqExpertQueue, bullmqQueueSettings, queuedJob, RedisWorkerRegistry } from "@expert-router/queue";
import {
  awaitReady,
  connectRedis,
  connectSubscriber,
  isCluster,
  onReconnect,
  type RedisClient,
} from "@expert-router/redis";
import {
  RedisDeadLetters,
  RedisIdempotencyKeys,
  RedisOpenJobs,
  RedisRequestStore,
  RedisStoredBytes,
  RedisTokenFollower,
} from "@expert-router/token-stream";
import { BullmqDeliveryQueue, RedisWebhookRecords, WebhookSender } from "@expert-router/webhooks";
import { BullModule, getQueueToken } from "@nestjs/bullmq";
import { Module, type DynamicModule } from "@nestjs/common";
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { connectionOptions } from "./connection-options.js";
import { INGRESS_PORTS } from "./injection-tokens.js";
import type { IngressContext } from "./ingress-options.js";
import type { IngressPorts, PromptRouter, WebhookPorts } from "./ports.js";
import { readStoreMemory } from "./store-memory.js";

/** Time that Redis has to be reachable when the process starts. */
const redisReadyTimeoutMs = 30_000;
/** Without a word for so long, the process that runs a batch is taken for dead. */
const batchLeaseMs = 5_000;

/** The ports on Redis and BullMQ. */
@Module({})
export class RedisPortsModule {
  static forRoot(context: IngressContext, router: PromptRouter): DynamicModule {
    const { redisUrl, system } = context.settings;
    const { experts } = system;
    // BullMQ hangs its scripts on its connection, and each pipeline of ioredis copies them all: half a millisecond a
    // request, so requests and tokens have a connection of their own.
    const connect = (purpose: string): RedisClient =>
      connectRedis(redisUrl, { mode: "fail-fast", ...connectionOptions(context, purpose) });
    const queueRedis = connect("queues");
    const redis = connect("requests");
    const deliveryRedis = connectRedis(redisUrl, { mode: "wait", ...connectionOptions(context, "webhooks") });
    const subscriber = connectSubscriber(redisUrl, connectionOptions(context, "tokens"));
    const names = experts.map((expert) => expertQueueName(expert.id));
    return {
      module: RedisPortsModule,
      imports: [
        // One connection for all queues: producers never block on it.
        BullModule.forRoot({ connection: queueRedis, ...bullmqQueueSettings }),
        BullModule.registerQueue(...names.map((name) => ({ name, ...bullmqQueueSettings }))),
      ],
      providers: [
        {
          provide: INGRESS_PORTS,
          inject: names.map((name) => getQueueToken(name)),
          useFactory: async (...bullQueues: Queue[]): Promise<IngressPorts> => {
            await Promise.all([redis, queueRedis].map((one) => awaitReady(one, redisReadyTimeoutMs)));
            const queues = experts.map(({ id }, index) => {
              const queue = bullQueues[index]!;
              // The owner of the connection hears its errors.
              queue.on("error", () => undefined);
              return new BullmqExpertQueue(id, queue, queueRedis, system.scheduling);
            });
            const files = await openFileStore(context.settings.files);
            const connected = { redis, queueRedis, deliveryRedis, subscriber };
            return redisPorts(context, router, queues, files, connected);
          },
        },
      ],
      exports: [INGRESS_PORTS],
    };
  }
}

interface Connections {
  readonly redis: RedisClient;
  readonly queueRedis: RedisClient;
  readonly deliveryRedis: RedisClient;
  readonly subscriber: Redis;
}

function redisPorts(
  context: IngressContext,
  router: PromptRouter,
  experts: readonly BullmqExpertQueue[],
  files: FileStore,
  connected: Connections,
): IngressPorts {
  const { redis, queueRedis, deliveryRedis, subscriber } = connected;
  const { system } = context.settings;
  const queues = new Map(experts.map((queue) => [queue.expert, queue]));
  const retention = { syncMs: system.retention.syncS * 1_000, jobsMs: system.retention.jobsS * 1_000 };
  const records = new RedisRequestStore(queueRedis, { retention });
  // This one is connected already.
  let connections = 1;
  onReconnect(redis, () => (connections += 1));
  return {
    accept: async (record, liveChannel) => {
      // One connection keeps the order of both, so the record is there before a worker can see the job. In a cluster
      // they go to different nodes.
      const created = records.create(record, liveChannel);
      if (record.repeatable === true && !(await created)) return false;
      if (isCluster(queueRedis)) await created;
      const queued = queues.get(record.decision.expert)?.enqueue(queuedJob(record));
      await Promise.all([created, queued]);
      return true;
    },
    store: new RedisRequestStore(redis, { retention }),
    deadLetters: new RedisDeadLetters(redis, { keptMs: system.retention.deadS * 1_000 }),
    idempotencyKeys: new RedisIdempotencyKeys(redis),
    openJobs: new RedisOpenJobs(redis),
    webhooks: webhookPorts(context, connected),
    storedBytes: new RedisStoredBytes(redis, retention),
    storeMemory: () => readStoreMemory(redis),
    files,
    batchLeases: new RedisBatchLeases(redis, batchLeaseMs),
    follower: new RedisTokenFollower(redis, subscriber, { ingressId: context.ingressId }),
    registry: new RedisWorkerRegistry(redis, {
      handBack: async (expert, workerId) => (await queues.get(expert)?.handBackJobsOf(workerId)) ?? 0,
    }),
    queues,
    router,
    get connections() {
      return connections;
    },
    // A subscriber that is away means that tokens come late, from the logs only.
    redisAnswers: async () =>
      subscriber.status === "ready" &&
      (await Promise.all([redis.ping(), queueRedis.ping()])).every((answer) => answer === "PONG"),
    close: async () => {
      for (const one of [redis, queueRedis, deliveryRedis, subscriber]) one.disconnect();
      files.close();
    },
  };
}

function webhookPorts(
  { settings: { system }, logger }: IngressContext,
  { redis, queueRedis, deliveryRedis, subscriber }: Connections,
): WebhookPorts {
  return {
    records: new RedisWebhookRecords(redis),
    queue: new BullmqDeliveryQueue({
      ...system.webhooks,
      producer: queueRedis,
      consumer: deliveryRedis,
      onError: (error) => logger.debug({ err: error }, "the queue of webhooks failed"),
    }),
    sender: new WebhookSender(system.webhooks),
    onEnded: async (listener) => {
      subscriber.on("message", (channel: string, id: string) => {
        if (channel === redisKeys.webhookChannel) listener(id as RequestId);
      });
      await subscriber.subscribe(redisKeys.webhookChannel);
    },
  };
}
