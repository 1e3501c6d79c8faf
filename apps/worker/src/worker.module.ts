import { newWorkerId } from "@expert-router/contracts";
import type { WorkerSettings } from "@expert-router/config";
import { createEngine, type InferenceEngine } from "@expert-router/engine";
import { BullmqExpertConsumer, BullmqExpertQueue, RedisWorkerRegistry } from "@expert-router/queue";
import {
  connectRedis,
  connectSubscriber,
  type ConnectionOptions,
  type RedisClient,
} from "@expert-router/redis";
import { createLogger, createMetrics, type Logger, type Metrics } from "@expert-router/telemetry";
import {
  RedisDeadLetters,
  RedisFollowerRegistry,
  RedisStoredBytes,
  RedisTokenPublisher,
} from "@expert-router/token-stream";
import { Module, type DynamicModule, type FactoryProvider } from "@nestjs/common";
import { AbsentFollowers } from "./absent-followers.js";
import { EngineCircuit } from "./engine-circuit.js";
import { EngineCredits } from "./engine-credits.js";
import { JobRunner } from "./job-runner.js";
import { ENGINE, LOGGER, METRICS, REDIS, SETTINGS, SUBSCRIBER, WORKER_ID } from "./tokens.js";
import { WorkerService } from "./worker.service.js";

/** A provider whose factory takes `inject` in order. */
function provide<Value>(
  token: FactoryProvider["provide"],
  inject: NonNullable<FactoryProvider["inject"]>,
  useFactory: FactoryProvider<Value>["useFactory"],
): FactoryProvider<Value> {
  return { provide: token, inject, useFactory };
}

/** Everything a worker is made of. Libraries know nothing of the container; their constructors are called here. */
@Module({})
export class WorkerModule {
  static forRoot(settings: WorkerSettings): DynamicModule {
    const { expert, system } = settings;
    return {
      module: WorkerModule,
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: WORKER_ID, useFactory: newWorkerId },
        provide(LOGGER, [], () =>
          createLogger({ name: "worker", level: settings.logLevel }).child({ expert: expert.id }),
        ),
        provide(METRICS, [], () => createMetrics()),
        provide(REDIS, [LOGGER], (logger: Logger) =>
          connectRedis(settings.redisUrl, {
            mode: "wait",
            ...connectionOptions(settings, "commands", logger),
          }),
        ),
        provide(SUBSCRIBER, [LOGGER], (logger: Logger) =>
          connectSubscriber(settings.redisUrl, connectionOptions(settings, "control", logger)),
        ),
        provide(ENGINE, [], () =>
          createEngine({ ...expert.engine, maxConnections: expert.engine.concurrency }),
        ),
        provide(
          RedisTokenPublisher,
          [REDIS],
          (redis: RedisClient) => new RedisTokenPublisher(redis, { retention: retentionOf(system) }),
        ),
        provide(
          RedisDeadLetters,
          [REDIS],
          (redis: RedisClient) => new RedisDeadLetters(redis, { keptMs: system.retention.deadS * 1_000 }),
        ),
        provide(
          BullmqExpertConsumer,
          [REDIS, WORKER_ID, LOGGER],
          (redis: RedisClient, workerId: string, logger: Logger) =>
            new BullmqExpertConsumer({
              expert: expert.id,
              redis,
              workerId,
              concurrency: expert.engine.concurrency,
              policy: system.scheduling,
              lockMs: system.limits.jobLockS * 1_000,
              onError: (error) => logger.warn({ err: error }, "the queue reported an error"),
            }),
        ),
        provide(BullmqExpertQueue, [REDIS], (redis: RedisClient) =>
          BullmqExpertQueue.create(expert.id, redis, system.scheduling),
        ),
        provide(
          RedisWorkerRegistry,
          [REDIS, BullmqExpertQueue],
          (redis: RedisClient, queue: BullmqExpertQueue) =>
            new RedisWorkerRegistry(redis, {
              handBack: (_expert, workerId) => queue.handBackJobsOf(workerId),
            }),
        ),
        provide(
          AbsentFollowers,
          [REDIS, LOGGER],
          (redis: RedisClient, logger: Logger) =>
            new AbsentFollowers(new RedisFollowerRegistry(redis), (error) =>
              logger.warn({ err: error }, "it cannot be told who listens"),
            ),
        ),
        provide(
          RedisStoredBytes,
          [REDIS],
          (redis: RedisClient) => new RedisStoredBytes(redis, retentionOf(system)),
        ),
        provide(
          JobRunner,
          [
            ENGINE,
            RedisTokenPublisher,
            RedisDeadLetters,
            AbsentFollowers,
            RedisStoredBytes,
            METRICS,
            LOGGER,
            WORKER_ID,
          ],
          (
            engine: InferenceEngine,
            publisher: RedisTokenPublisher,
            deadLetters: RedisDeadLetters,
            absent: AbsentFollowers,
            stored: RedisStoredBytes,
            metrics: Metrics,
            logger: Logger,
            workerId: string,
          ) =>
            new JobRunner(
              {
                engine,
                circuit: new EngineCircuit(),
                credits: new EngineCredits(expert.engine.concurrency),
                publisher,
                deadLetters,
                absent,
                stored,
                metrics,
                logger,
              },
              {
                workerId,
                expert: expert.id,
                maxAttempts: system.limits.maxAttempts,
                runTimeoutMs: system.limits.runTimeoutS * 1_000,
                deadKeptMs: system.retention.deadS * 1_000,
                answerLimits: {
                  maxTokens: system.limits.maxAnswerTokens,
                  maxBytes: system.limits.maxAnswerMb * 1_048_576,
                },
              },
            ),
        ),
        WorkerService,
      ],
    };
  }
}

function connectionOptions(
  settings: WorkerSettings,
  purpose: string,
  logger: Logger,
): Omit<ConnectionOptions, "mode"> {
  return {
    name: `expert-router-worker-${settings.expert.id}-${purpose}`,
    onError: (error) => logger.warn({ err: error, purpose }, "the Redis connection failed"),
  };
}

function retentionOf(system: WorkerSettings["system"]): { syncMs: number; jobsMs: number } {
  return { syncMs: system.retention.syncS * 1_000, jobsMs: system.retention.jobsS * 1_000 };
}
