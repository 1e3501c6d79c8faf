import type { PriorityClass } from "@expert-router/contracts";
import type { JobSum } from "@expert-router/queue";

type Sums = Record<PriorityClass, { jobs: number; tokens: number }>;

/** What this process has put on a queue since it was last counted, and what is on its way there. */
export class Arrivals {
  private readonly onWay = zeros();
  private readonly queued = zeros();

  /** A request of `tokens` is on its way. */
  start(name: PriorityClass, tokens: number): void {
    add(this.onWay[name], 1, tokens);
  }

  /** It arrived, or it failed. */
  end(name: PriorityClass, tokens: number, arrived: boolean): void {
    add(this.onWay[name], -1, -tokens);
    if (arrived) add(this.queued[name], 1, tokens);
  }

  of(name: PriorityClass): JobSum {
    const { onWay, queued } = this;
    return {
      jobs: onWay[name].jobs + queued[name].jobs,
      tokens: onWay[name].tokens + queued[name].tokens,
    };
  }

  /** What had arrived by now; {@link forget} it once a count that began later is there. */
  snapshot(): Readonly<Record<PriorityClass, JobSum>> {
    const { interactive, async, batch } = this.queued;
    return { interactive: { ...interactive }, async: { ...async }, batch: { ...batch } };
  }

  forget({ interactive, async, batch }: Readonly<Record<PriorityClass, JobSum>>): void {
    add(this.queued.interactive, -interactive.jobs, -interactive.tokens);
    add(this.queued.async, -async.jobs, -async.tokens);
    add(this.queued.batch, -batch.jobs, -batch.tokens);
  }
}

function add(sum: { jobs: number; tokens: number }, jobs: number, tokens: number): void {
  sum.jobs += jobs;
  sum.tokens += tokens;
}

function zeros(): Sums {
  const zero = (): { jobs: number; tokens: number } => ({ jobs: 0, tokens: 0 });
  return { interactive: zero(), async: zero(), batch: zero() };
}
