import { priorityClasses, type PriorityClass } from "@expert-router/contracts";
import type { QueueFigures } from "@expert-router/queue";
import { SmoothedRate } from "./smoothed-rate.js";

/** Arrivals that a mean should be made of. */
const wantedArrivals = 20;
const leastMemoryS = 12;
const mostMemoryS = 60;
/** A class that comes back from silence is measured anew: its past has the weight of so many seconds. */
const pastS = 3;
/** Work of so many seconds may come at once and still count as the rate at which it comes. */
const burstS = 2;

/** Arrivals that may fail to come by chance (1 time in 20); where more have, the rate is no greater than makes it so many. */
const believableMissed = 3;

type Counts = Pick<QueueFigures, "waiting" | "started">;

/**
 * How fast work of each class comes to one expert's queue, in tokens a second, from counts that all replicas share. What comes faster
 * than the workers can go is no rate to expect more of: it is a burst, and counts as what waits.
 */
export class ArrivalRates {
  private readonly byClass: Readonly<Record<PriorityClass, ClassArrivals>> = {
    interactive: new ClassArrivals(),
    async: new ClassArrivals(),
    batch: new ClassArrivals(),
  };
  private before: { readonly figures: Counts; readonly atMs: number } | undefined;

  /** `mostPerS`: tokens a second that the workers can do; undefined: not measured. */
  observe(figures: Counts, mostPerS: number | undefined, nowMs: number): void {
    const { before } = this;
    this.before = { figures, atMs: nowMs };
    if (before === undefined || nowMs <= before.atMs) return;
    const seconds = (nowMs - before.atMs) / 1_000;
    for (const name of priorityClasses) {
      const since = (field: "jobs" | "tokens"): number =>
        figures.started[name][field] +
        figures.waiting[name][field] -
        before.figures.started[name][field] -
        before.figures.waiting[name][field];
      // Less than before: something was cancelled, or Redis came back with less than it had.
      const [jobs, tokens] = [Math.max(0, since("jobs")), Math.max(0, since("tokens"))];
      this.byClass[name].add(jobs, tokens, seconds, mostPerS);
    }
  }

  /** Tokens a second that come in a class. */
  tokensPerS(name: PriorityClass): number {
    return this.byClass[name].tokensPerS;
  }
}

class ClassArrivals {
  private readonly jobs = new SmoothedRate();
  private readonly tokens = new SmoothedRate();
  private allowance = 0;
  private silentS = 0;
  private memoryS = mostMemoryS;

  get tokensPerS(): number {
    const missed = (this.jobs.perS ?? 0) * this.silentS;
    return (this.tokens.perS ?? 0) * Math.min(1, believableMissed / missed);
  }

  add(jobs: number, tokens: number, seconds: number, mostPerS = Infinity): void {
    const { memoryS } = this;
    if (jobs > 0 && this.silentS > memoryS) {
      const share = 1 - Math.exp(-pastS / memoryS);
      this.jobs.limitPast(share);
      this.tokens.limitPast(share);
    }
    this.silentS = jobs > 0 ? 0 : this.silentS + seconds;
    this.allowance = Math.min(this.allowance + mostPerS * seconds, mostPerS * burstS);
    const counted = Math.min(tokens, this.allowance);
    this.allowance -= counted === Infinity ? 0 : counted;
    this.jobs.add(jobs, seconds, memoryS);
    this.tokens.add(counted, seconds, memoryS);
    // Silence makes the mean less, and no longer.
    if (jobs === 0) return;
    const wantedS = wantedArrivals / (this.jobs.perS ?? 0);
    this.memoryS = Math.min(mostMemoryS, Math.max(leastMemoryS, wantedS));
  }
}
