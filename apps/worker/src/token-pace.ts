/** What was measured since the last look, and what is usual. */
export interface Pace {
  readonly tokens: number;
  /** How many times slower than the engine's best: the worse one of time between tokens and time to first token. 1: as good. */
  readonly slowness: number;
}

/** Measures one engine call. */
export interface PaceMeter {
  /** `deltas` came together. */
  received(deltas: number): void;
  /** The reader held the stream back until now; the engine is not to blame. */
  resumed(): void;
}

/** Weight of a new measurement in the mean. */
const weight = 0.3;
/** The best is forgotten within about this time, so that what was once fast does not set the measure for good. */
const bestForgottenMs = 300_000;
/** Below it, waits say more of this process than of the engine. */
const leastFirstTokenMs = 50;
const leastBetweenMs = 1;

/** A mean against the best there was. */
class Slowness {
  private mean: number | undefined;
  private best: number | undefined;

  constructor(private readonly least: number) {}

  observe(value: number, sinceMs: number): void {
    const bounded = Math.max(this.least, value);
    this.mean = this.mean === undefined ? bounded : this.mean + weight * (bounded - this.mean);
    const forgotten = Math.min(1, sinceMs / bestForgottenMs);
    if (this.best === undefined || this.mean <= this.best) this.best = this.mean;
    else this.best += (this.mean - this.best) * forgotten;
  }

  get factor(): number {
    return this.mean === undefined || this.best === undefined ? 1 : this.mean / this.best;
  }
}

/** Tokens, time to first token and time between tokens of all calls of an engine. */
export class TokenPace {
  private tokens = 0;
  private betweenMs = 0;
  private betweenTokens = 0;
  private firstMs = 0;
  private firstTokens = 0;
  private lookedAtMs: number;
  private readonly between = new Slowness(leastBetweenMs);
  private readonly first = new Slowness(leastFirstTokenMs);

  constructor(private readonly now: () => number) {
    this.lookedAtMs = now();
  }

  begin(): PaceMeter {
    let lastMs = this.now();
    let isFirst = true;
    return {
      received: (deltas) => {
        if (deltas === 0) return;
        const nowMs = this.now();
        this.tokens += deltas;
        if (isFirst) {
          this.firstMs += nowMs - lastMs;
          this.firstTokens += 1;
        } else {
          this.betweenMs += nowMs - lastMs;
          this.betweenTokens += deltas;
        }
        isFirst = false;
        lastMs = nowMs;
      },
      resumed: () => (lastMs = this.now()),
    };
  }

  /** What came since the last look. */
  look(): Pace {
    const nowMs = this.now();
    const sinceMs = nowMs - this.lookedAtMs;
    this.lookedAtMs = nowMs;
    if (this.betweenTokens > 0) this.between.observe(this.betweenMs / this.betweenTokens, sinceMs);
    if (this.firstTokens > 0) this.first.observe(this.firstMs / this.firstTokens, sinceMs);
    const pace = { tokens: this.tokens, slowness: Math.max(this.between.factor, this.first.factor) };
    this.tokens = this.betweenMs = this.betweenTokens = this.firstMs = this.firstTokens = 0;
    return pace;
  }
}
