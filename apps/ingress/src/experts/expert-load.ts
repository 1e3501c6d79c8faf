import type { ExpertConfig } from "@expert-router/config";
import {
  CodedError,
  type CircuitState,
  type ExpertStatus,
  type PriorityClass,
  type WorkerReport,
} from "@expert-router/contracts";
import { DrainRate } from "./drain-rate.js";

/** Longest time a client is told to stay away: beyond it the estimate is worth little. */
const maxRetryAfterS = 3_600;

/** A restart of a worker or of its engine takes less; until then requests wait for it. */
const abandonedAfterMs = 15_000;

/** What this process knows about one expert: its queue, its workers and how fast they are. */
export class ExpertLoad {
  private depth: Record<PriorityClass, number> = { interactive: 0, async: 0, batch: 0 };
  private workers: readonly WorkerReport[] = [];
  /** Enqueued here since the queue was last counted. */
  private addedSince = 0;
  private readonly rate = new DrainRate();
  private updatedAtMs = 0;
  /** When a worker with a healthy engine was seen last; before that, when the watch began. */
  private lastWorkingAtMs: number | undefined;

  constructor(
    readonly expert: ExpertConfig,
    private readonly maxQueued: number,
  ) {}

  /** Takes a new count; `addedBefore` is {@link added} as it was when counting began. */
  update(
    depth: Record<PriorityClass, number>,
    workers: readonly WorkerReport[],
    addedBefore: number,
    nowMs: number,
  ): void {
    this.depth = depth;
    this.workers = workers;
    this.addedSince -= addedBefore;
    this.rate.observe(workers, this.waiting > 0, nowMs);
    this.updatedAtMs = nowMs;
    if (this.working.length > 0) this.lastWorkingAtMs = nowMs;
    else this.lastWorkingAtMs ??= nowMs;
  }

  get added(): number {
    return this.addedSince;
  }

  /** A request was put on the queue by this process. */
  countAdded(): void {
    this.addedSince++;
  }

  get waitingByClass(): Readonly<Record<PriorityClass, number>> {
    return this.depth;
  }

  get workerCount(): number {
    return this.workers.length;
  }

  /**
   * `waits`: a client waits for the answer, so that an expert nobody works for is no place to queue.
   * @throws CodedError `queue_full` when the bound of the queue is reached, `expert_unavailable`.
   */
  admit({ waits }: { readonly waits: boolean }): void {
    const { id } = this.expert;
    if (waits && this.abandonedForMs >= abandonedAfterMs) {
      const message = `No worker of '${id}' with a healthy engine is there at the moment. Please try again later.`;
      throw new CodedError("expert_unavailable", message, { retryAfterS: 5 });
    }
    if (this.waiting < this.maxQueued) return;
    const message = `The queue of '${id}' is full (${this.maxQueued} requests). Please try again later.`;
    throw new CodedError("queue_full", message, {
      retryAfterS: Math.min(maxRetryAfterS, Math.max(1, this.rate.waitS(this.waiting) ?? 1)),
    });
  }

  /** OpenAI's rate-limit headers; the bound of the queue is the limit. */
  rateLimitHeaders(): Record<string, string> {
    const waitS = this.waiting === 0 ? 0 : Math.ceil(this.rate.waitS(this.waiting) ?? 1);
    return {
      "x-ratelimit-limit-requests": String(this.maxQueued),
      "x-ratelimit-remaining-requests": String(Math.max(0, this.maxQueued - this.waiting)),
      "x-ratelimit-reset-requests": `${waitS}s`,
    };
  }

  /** Seconds until the request at `position` of the queue starts; null if nothing was measured or nobody works. */
  etaS(position: number): number | null {
    const { working } = this;
    if (working.length === 0) return null;
    const free = sum(working, "concurrency") - sum(working, "running");
    if (position < free) return 0;
    const waitS = this.rate.waitS(position + 1);
    return waitS === undefined ? null : Math.round(waitS * 1_000) / 1_000;
  }

  /** Seconds a request queued now would wait. */
  get estimatedWaitS(): number | null {
    return this.etaS(this.waiting);
  }

  /** As `GET /v1/experts` shows it. */
  status(): ExpertStatus {
    const { expert, working } = this;
    const engine = working[0] ?? { engineKind: expert.engine.kind, engineModel: expert.engine.model };
    return {
      id: expert.id,
      object: "expert",
      domains: [...expert.domains, ...expert.clusters.map(String)],
      engine_kind: engine.engineKind,
      engine_model: engine.engineModel,
      simulated: engine.engineKind === "sim" || this.workers.some((worker) => worker.engineKind === "sim"),
      health: this.health,
      queue_depth: { ...this.depth },
      running: sum(this.workers, "running"),
      workers: this.workers.length,
      circuits: {
        closed: this.circuits("closed"),
        half_open: this.circuits("half-open"),
        open: this.circuits("open"),
      },
      capacity: sum(working, "concurrency"),
      drain_rate_per_s: Math.round(this.rate.perS * 1_000) / 1_000,
      estimated_wait_s: this.estimatedWaitS,
    };
  }

  private get abandonedForMs(): number {
    return this.lastWorkingAtMs === undefined ? 0 : this.updatedAtMs - this.lastWorkingAtMs;
  }

  private get waiting(): number {
    return this.depth.interactive + this.depth.async + this.depth.batch + this.addedSince;
  }

  private circuits(state: CircuitState): number {
    return this.workers.filter((worker) => worker.engineCircuit === state).length;
  }

  private get working(): WorkerReport[] {
    return this.workers.filter((worker) => worker.state === "running" && worker.engineHealthy);
  }

  private get health(): ExpertStatus["health"] {
    if (this.working.length === 0) return "unavailable";
    return this.workers.some((worker) => worker.state === "running" && !worker.engineHealthy)
      ? "degraded"
      : "healthy";
  }
}

function sum(workers: readonly WorkerReport[], field: "running" | "concurrency"): number {
  return workers.reduce((total, worker) => total + worker[field], 0);
}
