import type { WorkerReport } from "@expert-router/contracts";

/** Seconds after which a measurement counts for 1/e. */
const memoryS = 10;

/** An exponentially weighted mean rate; corrected for its short past at the start. */
class SmoothedRate {
  private weighted = 0;
  private observedS = 0;

  add(events: number, seconds: number): void {
    const keep = Math.exp(-seconds / memoryS);
    this.weighted = this.weighted * keep + (events / seconds) * (1 - keep);
    this.observedS += seconds;
  }

  /** Undefined until there was anything to measure. */
  get perS(): number | undefined {
    return this.observedS === 0 ? undefined : this.weighted / (1 - Math.exp(-this.observedS / memoryS));
  }
}

/** How fast the workers of one expert finish requests, from what their heartbeats say. */
export class DrainRate {
  private readonly finishedBy = new Map<string, number>();
  private lastMs: number | undefined;
  private readonly all = new SmoothedRate();
  private readonly backlogged = new SmoothedRate();

  /** `hasBacklog`: requests were waiting, so that the rate is what the workers can do and not what was asked of them. */
  observe(workers: readonly WorkerReport[], hasBacklog: boolean, nowMs: number): void {
    const finished = this.finishedSince(workers);
    if (this.lastMs !== undefined && nowMs > this.lastMs) {
      const seconds = (nowMs - this.lastMs) / 1_000;
      this.all.add(finished, seconds);
      if (hasBacklog) this.backlogged.add(finished, seconds);
    }
    this.lastMs = nowMs;
  }

  /** Requests finished a second. */
  get perS(): number {
    return this.all.perS ?? 0;
  }

  /** Seconds until `waiting` requests have left the queue; undefined while no rate is known. */
  waitS(waiting: number): number | undefined {
    const rate = Math.max(this.backlogged.perS ?? 0, this.perS);
    // Slower than one request an hour is no measurement.
    return rate < 1 / 3_600 ? undefined : waiting / rate;
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
