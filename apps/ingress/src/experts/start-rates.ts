import { priorityClasses, type PriorityClass } from "@expert-router/contracts";
import type { JobSum, QueueFigures } from "@expert-router/queue";
import { SmoothedRate } from "./smoothed-rate.js";

/** What workers start in a second. */
export interface StartRate {
  readonly jobsPerS: number;
  readonly tokensPerS: number;
}

/** Starts that a mean should be made of: 20 of them scatter it by a sixth. */
const wantedStarts = 20;
const leastMemoryS = 3;
const mostMemoryS = 10;
/** Below a start each 3 s ten seconds hold nothing to go by; the memory is then as long as these starts need, up to a minute. */
const fewestStarts = 3;
const slowMemoryS = 60;
/** Part of the memory that must have been measured, so that one busy moment is no rate. */
const leastFilled = 0.1;
const sizeMemoryS = 60;

/** Rates of one class, or of all together. */
class Measured {
  private readonly jobs = new SmoothedRate();
  private readonly tokens = new SmoothedRate();
  private isBacklogged = false;
  private measured: StartRate | undefined;

  observe(started: JobSum, seconds: number, running: number, isBacklogged: boolean): void {
    this.isBacklogged = isBacklogged;
    const memoryS = memoryOf(this.last?.jobsPerS ?? 0, running);
    if (isBacklogged) {
      this.jobs.add(started.jobs, seconds, memoryS);
      this.tokens.add(started.tokens, seconds, memoryS);
    } else {
      this.jobs.age(seconds, memoryS);
      this.tokens.age(seconds, memoryS);
    }
    if (isBacklogged && this.isFirm) this.measured = this.mean;
  }

  /** The rate now; undefined while nothing waits or too little was seen. */
  get current(): StartRate | undefined {
    return this.isBacklogged && this.isFirm ? this.mean : undefined;
  }

  /**
   * The rate when it was measured last, or what there is of the first measurement. After a quiet time all places are filled at
   * once, and nothing starts in the first looks at the backlog behind: that is no rate.
   */
  get last(): StartRate | undefined {
    return this.measured ?? this.mean;
  }

  private get isFirm(): boolean {
    return this.jobs.filled >= leastFilled && this.jobs.events >= fewestStarts;
  }

  private get mean(): StartRate | undefined {
    const { perS: jobsPerS } = this.jobs;
    return jobsPerS === undefined || jobsPerS === 0
      ? undefined
      : { jobsPerS, tokensPerS: this.tokens.perS ?? 0 };
  }
}

/**
 * How fast the workers of one expert take requests, from counts of the queue that all workers share. Measured only while
 * something waits: then the rate is what the workers can do, and not what was asked of them.
 */
export class StartRates {
  private readonly byClass: Readonly<Record<PriorityClass, Measured>> = {
    interactive: new Measured(),
    async: new Measured(),
    batch: new Measured(),
  };
  private readonly all = new Measured();
  private readonly size = { jobs: 0, tokens: 0 };
  private before: { readonly figures: Counts; readonly atMs: number } | undefined;

  /** `running`: requests that the workers run now. */
  observe(figures: Counts, running: number, nowMs: number): void {
    const { before } = this;
    this.before = { figures, atMs: nowMs };
    if (before === undefined || nowMs <= before.atMs) return;
    const seconds = (nowMs - before.atMs) / 1_000;
    const total = { jobs: 0, tokens: 0 };
    let anyBacklog = false;
    for (const name of priorityClasses) {
      const started = difference(figures.started[name], before.figures.started[name]);
      // Redis came back with less than it had: this interval tells nothing.
      if (started.jobs < 0) return;
      const isBacklogged = figures.waiting[name].jobs > 0 && before.figures.waiting[name].jobs > 0;
      this.byClass[name].observe(started, seconds, running, isBacklogged);
      anyBacklog ||= isBacklogged;
      total.jobs += started.jobs;
      total.tokens += started.tokens;
    }
    this.all.observe(total, seconds, running, anyBacklog);
    const keep = Math.exp(-seconds / sizeMemoryS);
    this.size.jobs = this.size.jobs * keep + total.jobs;
    this.size.tokens = this.size.tokens * keep + total.tokens;
  }

  /** Of a class that waits now; undefined where that is not measured. */
  of(name: PriorityClass): StartRate | undefined {
    return this.byClass[name].current;
  }

  /** Of all classes together: now, or when something waited last. */
  get whole(): StartRate | undefined {
    return this.all.current ?? this.all.last;
  }

  /** Tokens that a request is expected to cost, on average; undefined before any was started. */
  get meanTokens(): number | undefined {
    return this.size.jobs < 1 ? undefined : this.size.tokens / this.size.jobs;
  }
}

type Counts = Pick<QueueFigures, "waiting" | "started">;

/** Long enough for {@link wantedStarts} and for each place of the workers to have changed hands once, within its bounds. */
function memoryOf(jobsPerS: number, running: number): number {
  if (jobsPerS === 0) return mostMemoryS;
  const most = Math.min(slowMemoryS, Math.max(mostMemoryS, fewestStarts / jobsPerS));
  return Math.min(most, Math.max(leastMemoryS, Math.max(wantedStarts, running) / jobsPerS));
}

function difference(after: JobSum, before: JobSum): JobSum {
  return { jobs: after.jobs - before.jobs, tokens: Math.max(0, after.tokens - before.tokens) };
}
