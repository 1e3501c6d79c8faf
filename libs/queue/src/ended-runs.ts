import type { EndedRun } from "./order/service-order.js";
import { maxReported } from "./order/take-script.js";

/** Runs that have ended, until the queue knows it. Each was a job in flight, so there are no more of them than of those. */
export class EndedRuns {
  private untold: EndedRun[] = [];
  private readonly beingTold = new Set<readonly EndedRun[]>();

  /** Runs of which the queue may not know. */
  get size(): number {
    let size = this.untold.length;
    for (const runs of this.beingTold) size += runs.length;
    return size;
  }

  /** Whether there are some that no call is telling of. */
  get hasUntold(): boolean {
    return this.untold.length > 0;
  }

  add(run: EndedRun): void {
    this.untold.push(run);
  }

  /** Whether a run of this job has ended, and the queue may not know. */
  includes(jobId: string): boolean {
    return [this.untold, ...this.beingTold].some((runs) => runs.some(({ id }) => id === jobId));
  }

  /** Tells of as many as go into one call. When that rejects they are to be told again: the queue takes each but once. */
  async tell<Answer>(call: (runs: readonly EndedRun[]) => Promise<Answer>): Promise<Answer> {
    const runs = this.untold.splice(0, maxReported);
    this.beingTold.add(runs);
    try {
      return await call(runs);
    } catch (error) {
      this.untold.unshift(...runs);
      throw error;
    } finally {
      this.beingTold.delete(runs);
    }
  }
}
