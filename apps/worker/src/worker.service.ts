import type { CircuitState, WorkerReport } from "@expert-router/contracts";
import type { WorkerSettings } from "@expert-router/config";
import type { InferenceEngine } from "@expert-router/engine";
import type { Lifecycle } from "@expert-router/lifecycle";
import { BullmqExpertConsumer, BullmqExpertQueue, RedisWorkerRegistry } from "@expert-router/queue";
import { awaitReady, type RedisClient } from "@expert-router/redis";
import type { Logger, Metrics } from "@expert-router/telemetry";
import { RedisStoredBytes, RedisTokenPublisher } from "@expert-router/token-stream";
import { Inject, Injectable } from "@nestjs/common";
import type { Redis } from "ioredis";
import { AbsentFollowers } from "./absent-followers.js";
import { listenToControl } from "./control-channel.js";
import { EngineCircuit } from "./engine-circuit.js";
import { EngineCredits } from "./engine-credits.js";
import { EngineMonitor } from "./engine-monitor.js";
import { FreezeWatch } from "./freeze-watch.js";
import { Heartbeat } from "./heartbeat.js";
import { LoadWatch } from "./load-watch.js";
import { JobRunner } from "./job-runner.js";
import { ENGINE, LOGGER, METRICS, REDIS, SETTINGS, SUBSCRIBER, WORKER_ID } from "./tokens.js";

/** How long a start waits for Redis. */
const redisPatienceMs = 15_000;
/** Between two tellings of how much was written. */
const tellBytesMs = 1_000;
/** Time that running answers get to end by themselves when the worker drains; then their jobs are handed back. */
const finishMs = 5_000;
/** In the order of the metric's numbers. */
const circuitStates: readonly CircuitState[] = ["closed", "half-open", "open"];

/** Starts and drains a worker in order: hear cancellations, then beat, then pull; and backwards. */
@Injectable()
export class WorkerService {
  private readonly startedAtMs = Date.now();
  private readonly monitor: EngineMonitor;
  private readonly circuit: EngineCircuit;
  private readonly credits: EngineCredits;
  private readonly loadWatch: LoadWatch;
  private readonly freezeWatch = new FreezeWatch(() => void this.consumer.extendLocks());
  private circuitState: CircuitState | undefined;
  private readonly heartbeat: Heartbeat;
  private state: WorkerReport["state"] = "starting";
  private finished = 0;
  private telling: NodeJS.Timeout | undefined;

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
    private readonly absent: AbsentFollowers,
    private readonly stored: RedisStoredBytes,
  ) {
    this.circuit = runner.circuit;
    this.circuit.onChange = () => this.circuitChanged();
    this.credits = runner.credits;
    this.credits.onChange = () => this.makeRoom();
    this.monitor = new EngineMonitor(engine, this.circuit);
    this.loadWatch = new LoadWatch(engine, this.credits, () =>
      this.circuit.state === "open" ? undefined : this.consumer.running,
    );
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
      { expert: this.settings.expert.id, workerId: this.workerId },
      (message) => this.publisher.control(message),
      () =>
        void this.publisher
          .recheck()
          .catch((error: unknown) => this.logger.warn({ err: error }, "a recheck failed")),
    );
    await this.monitor.start();
    this.state = "running";
    await this.heartbeat.start();
    this.absent.start();
    const tell = (): void =>
      void this.stored
        .count()
        .catch((error: unknown) => this.logger.warn({ err: error }, "bytes not counted"));
    this.telling = setInterval(tell, tellBytesMs).unref();
    await this.consumer.start(async (job) => {
      try {
        return await this.runner.run(job);
      } finally {
        this.finished += 1;
      }
    });
    this.freezeWatch.start();
    this.loadWatch.start();
    this.metrics.capacity.set({ expert: this.settings.expert.id }, this.settings.expert.engine.concurrency);
    this.makeRoom();
    lifecycle.addReadinessCheck("redis", () => this.redis.status === "ready");
    lifecycle.addReadinessCheck("engine", () => this.engineHealthy);
    this.registerDrain(lifecycle);
  }

  /** Whether the engine may be given requests. */
  get engineHealthy(): boolean {
    return this.circuit.state !== "open";
  }

  private registerDrain(lifecycle: Lifecycle): void {
    let handBack: NodeJS.Timeout;
    lifecycle.onDrain("stop pulling", async () => {
      this.state = "draining";
      // Counted from here: while Redis is away this step waits for it.
      const { drainTimeoutMs } = this.settings;
      handBack = setTimeout(() => this.runner.handBackAll(), Math.min(finishMs, drainTimeoutMs / 2));
      await this.consumer.stopPulling();
    });
    lifecycle.onDrain("finish or hand back running requests", async () => {
      await this.consumer.idle();
      clearTimeout(handBack);
    });
    lifecycle.onDrain("flush tokens", async () => {
      await this.publisher.stop();
      clearInterval(this.telling);
      await this.stored.count();
    });
    lifecycle.onDrain("leave", async () => {
      this.monitor.stop();
      this.loadWatch.stop();
      this.freezeWatch.stop();
      this.absent.stop();
      await this.heartbeat.stop({ leave: this.consumer.isIdle });
    });
    lifecycle.onDrain("close connections", async () => {
      await Promise.all([this.consumer.close(), this.queue.close(), this.engine.close()]);
      this.redis.disconnect();
      this.subscriber.disconnect();
    });
  }

  private circuitChanged(): void {
    this.makeRoom();
    this.monitor.schedule();
    const { state } = this.circuit;
    if (state === this.circuitState) return;
    this.circuitState = state;
    const { id, engine } = this.settings.expert;
    this.metrics.engineUp.set({ expert: id }, this.engineHealthy ? 1 : 0);
    this.metrics.engineCircuitState.set({ expert: id }, circuitStates.indexOf(state));
    const fields = { engine: engine.kind, circuit: state };
    if (state === "open") this.logger.warn(fields, "the engine fails; its queue is left to other workers");
    else this.logger.info(fields, "the engine answers");
  }

  private makeRoom(): void {
    const { credits } = this.credits;
    this.metrics.engineCredits.set({ expert: this.settings.expert.id }, credits);
    this.consumer.resize(this.circuit.room(credits, this.consumer.running));
  }

  private report(): Omit<WorkerReport, "host" | "pid"> {
    const { id, engine } = this.settings.expert;
    this.metrics.running.set({ expert: id }, this.consumer.running);
    return {
      id: this.workerId,
      expert: id,
      startedAtMs: this.startedAtMs,
      state: this.state,
      engineHealthy: this.engineHealthy,
      engineCircuit: this.circuit.state,
      engineKind: engine.kind,
      engineModel: engine.model,
      running: this.consumer.running,
      concurrency: engine.concurrency,
      credits: this.credits.credits,
      finished: this.finished,
    };
  }
}
