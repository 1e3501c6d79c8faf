import type { WorkerReport } from "@expert-router/contracts";
import type { WorkerSettings } from "@expert-router/config";
import type { InferenceEngine } from "@expert-router/engine";
import type { Lifecycle } from "@expert-router/lifecycle";
import { BullmqExpertConsumer, BullmqExpertQueue, RedisWorkerRegistry } from "@expert-router/queue";
import { awaitReady, type RedisClient } from "@expert-router/redis";
import type { Logger, Metrics } from "@expert-router/telemetry";
import { RedisTokenPublisher } from "@expert-router/token-stream";
import { Inject, Injectable } from "@nestjs/common";
import type { Redis } from "ioredis";
import { listenToControl } from "./control-channel.js";
import { EngineMonitor } from "./engine-monitor.js";
import { Heartbeat } from "./heartbeat.js";
import { JobRunner } from "./job-runner.js";
import { ENGINE, LOGGER, METRICS, REDIS, SETTINGS, SUBSCRIBER, WORKER_ID } from "./tokens.js";

/** How long a start waits for Redis. */
const redisPatienceMs = 15_000;
/** Time that running answers get to end by themselves when the worker drains; then their jobs are handed back. */
const finishMs = 5_000;

/** Starts and drains a worker in order: hear cancellations, then beat, then pull; and backwards. */
@Injectable()
export class WorkerService {
  private readonly startedAtMs = Date.now();
  private readonly monitor: EngineMonitor;
  private readonly heartbeat: Heartbeat;
  private state: WorkerReport["state"] = "starting";
  private finished = 0;

  constructor(
    @Inject(SETTINGS) private readonly settings: WorkerSettings,
    @Inject(WORKER_ID) private readonly workerId: string,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) readonly metrics: Metrics,
    @Inject(REDIS) private readonly redis: RedisClient,
    @Inject(SUBSCRIBER) private readonly subscriber: Redis,
    @Inject(ENGINE) private readonly engine: InferenceEngine,
    private readonly publisher: RedisTokenPublisher,
    private readonly consumer: BullmqExpertConsumer,
    private readonly queue: BullmqExpertQueue,
    registry: RedisWorkerRegistry,
    private readonly runner: JobRunner,
  ) {
    this.monitor = new EngineMonitor(engine, (healthy) => this.engineChanged(healthy));
    this.heartbeat = new Heartbeat(
      registry,
      () => this.report(),
      (jobs) => {
        this.metrics.handBacks.inc({ expert: settings.expert.id, cause: "worker-lost" }, jobs);
        this.logger.warn({ jobs }, "handed back the jobs of a worker that is gone");
      },
      (error) => this.logger.warn({ err: error }, "the heartbeat failed"),
    );
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await awaitReady(this.redis, redisPatienceMs);
    await listenToControl(
      this.subscriber,
      this.settings.expert.id,
      (message) => this.publisher.control(message),
      () =>
        void this.publisher
          .recheck()
          .catch((error: unknown) => this.logger.warn({ err: error }, "a recheck failed")),
    );
    await this.monitor.start();
    this.state = "running";
    await this.heartbeat.start();
    await this.consumer.start(async (job) => {
      try {
        return await this.runner.run(job);
      } finally {
        this.finished += 1;
      }
    });
    this.metrics.capacity.set({ expert: this.settings.expert.id }, this.settings.expert.engine.concurrency);
    lifecycle.addReadinessCheck("redis", () => this.redis.status === "ready");
    lifecycle.addReadinessCheck("engine", () => this.monitor.healthy);
    this.registerDrain(lifecycle);
  }

  /** Whether the engine answered its last health check. */
  get engineHealthy(): boolean {
    return this.monitor.healthy;
  }

  private registerDrain(lifecycle: Lifecycle): void {
    lifecycle.onDrain("stop pulling", async () => {
      this.state = "draining";
      await this.consumer.stopPulling();
    });
    lifecycle.onDrain("finish or hand back running requests", async () => {
      const handBack = setTimeout(
        () => this.runner.handBackAll(),
        Math.min(finishMs, this.settings.drainTimeoutMs / 2),
      );
      await this.consumer.idle();
      clearTimeout(handBack);
    });
    lifecycle.onDrain("flush tokens", () => this.publisher.stop());
    lifecycle.onDrain("leave", async () => {
      this.monitor.stop();
      await this.heartbeat.stop();
    });
    lifecycle.onDrain("close connections", async () => {
      await Promise.all([this.consumer.close(), this.queue.close(), this.engine.close()]);
      this.redis.disconnect();
      this.subscriber.disconnect();
    });
  }

  private engineChanged(healthy: boolean): void {
    const { id, engine } = this.settings.expert;
    this.metrics.engineUp.set({ expert: id }, healthy ? 1 : 0);
    this.consumer.resize(healthy ? engine.concurrency : 0);
    if (healthy) this.logger.info({ engine: engine.kind }, "the engine answers");
    else this.logger.warn({ engine: engine.kind }, "the engine does not answer; its queue is held");
  }

  private report(): Omit<WorkerReport, "host" | "pid"> {
    const { id, engine } = this.settings.expert;
    this.metrics.running.set({ expert: id }, this.consumer.running);
    return {
      id: this.workerId,
      expert: id,
      startedAtMs: this.startedAtMs,
      state: this.state,
      engineHealthy: this.monitor.healthy,
      engineKind: engine.kind,
      engineModel: engine.model,
      running: this.consumer.running,
      concurrency: engine.concurrency,
      finished: this.finished,
    };
  }
}
