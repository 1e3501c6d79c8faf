import type { WorkerReport } from "@expert-router/contracts";
import { SmoothedRate } from "./smoothed-rate.js";

/** Seconds after which a measurement counts for 1/e. */
const memoryS = 10;
/** Answers after which their mean duration counts as measured. */
const fewestFinished = 3;

/** How fast the workers of one expert finish requests, from what their heartbeats say. */
export class DrainRate {
  private readonly finishedBy = new Map<string, number>();
  private lastMs: number | undefined;
  private readonly all = new SmoothedRate();
  private readonly backlogged = new SmoothedRate();
  private readonly busyPlaces = new SmoothedRate();

  /** `hasBacklog`: requests were waiting, so that the rate is what the workers can do and not what was asked of them. */
  observe(workers: readonly WorkerReport[], hasBacklog: boolean, nowMs: number): void {
    const finished = this.finishedSince(workers);
    if (this.lastMs !== undefined && nowMs > this.lastMs) {
      const seconds = (nowMs - this.lastMs) / 1_000;
      const running = workers.reduce((total, worker) => total + worker.running, 0);
      this.all.add(finished, seconds, memoryS);
      this.busyPlaces.add(running * seconds, seconds, memoryS);
      if (hasBacklog) this.backlogged.add(finished, seconds, memoryS);
    }
    this.lastMs = nowMs;
  }

  /** Requests finished a second. */
  get perS(): number {
    return this.all.perS ?? 0;
  }

  /** The same where something waited; undefined while no rate is known. */
  get capacityPerS(): number | undefined {
    const rate = Math.max(this.backlogged.perS ?? 0, this.perS);
    // Slower than one request an hour is no measurement.
    return rate < 1 / 3_600 ? undefined : rate;
  }

  /** Mean seconds that a request is with an engine, by Little's law: places in use over requests finished a second. */
  get serviceS(): number | undefined {
    return this.all.events < fewestFinished ? undefined : (this.busyPlaces.perS ?? 0) / this.perS;
  }

  private finishedSince(workers: readonly WorkerReport[]): number {
    let finished = 0;
    const before = new Map(this.finishedBy);
    this.finishedBy.clear();
    for (const worker of workers) {
      finished += Math.max(0, worker.finished - (before.get(worker.id) ?? worker.finished));
      this.finishedBy.set(worker.id, worker.finished);
    }
    return finished;
  }
}
