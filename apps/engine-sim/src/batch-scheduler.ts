import type { Generation } from "./generation.js";
import { RequestError } from "./request-error.js";

/** What the scheduler needs of the simulator's options. */
export interface BatchSchedulerOptions {
  readonly maxNumSeqs: number;
  readonly timeToFirstTokenMs: number;
  readonly interTokenLatencyMs: number;
  readonly timeFactorUnderLoad: number;
  readonly timeFactor: number;
  readonly prefixCacheSpeedup: number;
  /** A monotonic clock in ms. */
  readonly now: () => number;
}

const maxWaiting = 100_000;

/** Longest time a round of steps holds the event loop, in ms. */
const maxTurnMs = 1;

/** The figures of the metrics page. */
export interface SchedulerFigures {
  readonly running: number;
  readonly waiting: number;
  readonly cacheUsage: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly finished: number;
  readonly abandoned: number;
}

/** Tokens of context a sequence may hold before the simulated key-value cache would be full. */
const cacheTokensPerSequence = 4096;

/**
 * Continuous batching: up to `maxNumSeqs` generations run side by side, the others wait in order of arrival. One
 * ticker drives all of them, and rests while there is none.
 */
export class BatchScheduler {
  private readonly options: BatchSchedulerOptions;
  private timeFactor: number;
  private maxNumSeqs: number;
  private readonly tickMs: number;
  private readonly running = new Set<Generation>();
  private readonly waiting = new Set<Generation>();
  private ticker: NodeJS.Timeout | undefined;
  private round: Iterator<Generation> | undefined;
  private promptTokens = 0;
  private generatedTokens = 0;
  private finished = 0;
  private abandoned = 0;

  constructor(options: BatchSchedulerOptions) {
    this.options = options;
    this.timeFactor = options.timeFactor;
    this.maxNumSeqs = options.maxNumSeqs;
    this.tickMs = Math.max(1, Math.min(5, Math.floor(options.interTokenLatencyMs / 2)));
  }

  /** Runs `generation` now or when there is room. Throws a {@link RequestError} when too many wait. */
  add(generation: Generation): void {
    if (this.waiting.size >= maxWaiting)
      throw new RequestError(503, `${maxWaiting} requests are waiting already`, null, 1);
    this.waiting.add(generation);
    this.admit();
  }

  /** Forgets `generation`, if it has not ended: its client is gone. */
  abandon(generation: Generation): void {
    if (this.running.delete(generation)) {
      this.generatedTokens += generation.generated;
      this.abandoned += 1;
      this.admit();
    } else if (this.waiting.delete(generation)) {
      this.abandoned += 1;
    }
  }

  /** How fast it is from now on, in latencies of the options, and how many it runs at once; those under way go on. */
  setPace(factor: number, maxNumSeqs = this.maxNumSeqs): void {
    this.timeFactor = factor;
    this.maxNumSeqs = maxNumSeqs;
    this.admit();
  }

  figures(): SchedulerFigures {
    let held = 0;
    let generating = 0;
    for (const generation of this.running) {
      held += generation.plan.promptTokens + generation.generated;
      generating += generation.generated;
    }
    return {
      running: this.running.size,
      waiting: this.waiting.size,
      cacheUsage: Math.min(1, held / (this.options.maxNumSeqs * cacheTokensPerSequence)),
      promptTokens: this.promptTokens,
      generatedTokens: this.generatedTokens + generating,
      finished: this.finished,
      abandoned: this.abandoned,
    };
  }

  /** Stops generating; what was under way never ends. */
  stop(): void {
    clearInterval(this.ticker);
    this.ticker = undefined;
    this.round = undefined;
    this.running.clear();
    this.waiting.clear();
  }

  private admit(): void {
    const { now } = this.options;
    for (const generation of this.waiting) {
      if (this.running.size >= this.maxNumSeqs) break;
      this.waiting.delete(generation);
      this.running.add(generation);
      this.promptTokens += generation.plan.promptTokens;
      generation.admitted();
      generation.nextStepMs = now() + this.firstTokenMs(generation) * this.loadFactor();
    }
    if (this.running.size > 0) this.ticker ??= setInterval(() => this.tick(), this.tickMs);
  }

  /** Begins a round over all running generations, unless one is under way. */
  private tick(): void {
    if (this.round !== undefined) return;
    this.round = this.running.values();
    this.advanceSome(this.round);
  }

  /**
   * Goes on with a round for a moment and leaves the rest to the next turn of the event loop: libuv accepts one
   * connection a turn, so a thousand writes in one turn would keep new clients waiting for seconds.
   */
  private advanceSome(round: Iterator<Generation>): void {
    const { now, interTokenLatencyMs } = this.options;
    const stepMs = interTokenLatencyMs * this.loadFactor();
    const startedMs = now();
    let nowMs = startedMs;
    while (nowMs - startedMs < maxTurnMs) {
      const next = round.next();
      if (next.done === true) {
        this.endRound();
        return;
      }
      if (next.value.advance(nowMs, stepMs)) this.retire(next.value);
      nowMs = now();
    }
    setImmediate(() => {
      if (this.round === round) this.advanceSome(round);
    });
  }

  private endRound(): void {
    this.round = undefined;
    this.admit();
    if (this.running.size > 0) return;
    clearInterval(this.ticker);
    this.ticker = undefined;
  }

  private retire(generation: Generation): void {
    this.running.delete(generation);
    this.generatedTokens += generation.generated;
    this.finished += 1;
    generation.plan.onFinished?.();
  }

  /** What the cache holds of a prompt takes a fraction of its time. */
  private firstTokenMs({ plan, cachedTokens }: Generation): number {
    const { timeToFirstTokenMs, prefixCacheSpeedup } = this.options;
    const cached = plan.promptTokens === 0 ? 0 : cachedTokens / plan.promptTokens;
    return timeToFirstTokenMs * (1 - cached + cached / prefixCacheSpeedup);
  }

  private loadFactor(): number {
    const { maxNumSeqs, timeFactorUnderLoad } = this.options;
    if (timeFactorUnderLoad === 1 || maxNumSeqs === 1) return this.timeFactor;
    const underLoad = ((timeFactorUnderLoad - 1) * Math.max(0, this.running.size - 1)) / (maxNumSeqs - 1);
    return this.timeFactor * (1 + underLoad);
  }
}
