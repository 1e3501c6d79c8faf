import type { Pace } from "./token-pace.js";

/** An engine so many times slower than its best may be overcrowded. */
const slowFactor = 2.5;
/** What a trial tries, the first time and behind one that did well. */
const firstCut = 0.85;
const nextCut = 0.7;
/** Throughput may fall by this much, which is noise, and the smaller number still counts as doing as well. */
const equalShare = 0.95;
/** A rate is measured for so long, and over so many tokens, or given up. */
const windowMs = 2_000;
const fewestTokens = 200;
const maxWindowMs = 15_000;
/** Longest wait for requests above the tried number to end. */
const maxDrainMs = 60_000;
/** Pause behind a trial that lost throughput, doubled each time. */
const firstPauseMs = 30_000;
const maxPauseMs = 480_000;
/** After it, what a trial found may be outgrown again. */
const ceilingMs = 60_000;

/** What a trial is told at each look. */
export interface TrialLook {
  readonly credits: number;
  readonly ours: number;
  readonly floor: number;
  /** All credits are used. */
  readonly isFull: boolean;
  readonly nowMs: number;
  readonly pace: Pace;
}

type Phase =
  | { readonly name: "rest" }
  /** Measures tokens a second at the credits there are, or at those tried. */
  | { readonly name: "before" | "after"; sinceMs: number; tokens: number }
  /** Waits for requests above the tried number to end. */
  | { readonly name: "drain"; readonly sinceMs: number };

/**
 * Finds out whether a slow engine is overcrowded: with fewer requests in flight, does it give as many tokens a second? Then the
 * smaller number stays, and everybody waits less inside the engine. An engine that is merely slow gives fewer, and gets its
 * credits back at once. This is all that can be known of a server that tells nothing of its load.
 */
export class SlownessTrial {
  private phase: Phase = { name: "rest" };
  private creditsBefore = 0;
  private rateBefore = 0;
  private cut = firstCut;
  private pauseMs = firstPauseMs;
  private notBeforeMs = -Infinity;
  private keptCeiling = Infinity;
  private ceilingUntilMs = -Infinity;

  /** Growth ends here for a while. */
  get ceiling(): number {
    return this.keptCeiling;
  }

  /** The credits to go on with; undefined: it has nothing to say. */
  look(look: TrialLook): number | undefined {
    const { credits, nowMs, pace, isFull } = look;
    if (nowMs >= this.ceilingUntilMs) this.keptCeiling = Infinity;
    if (pace.slowness < slowFactor && this.phase.name === "rest") {
      this.pauseMs = firstPauseMs;
      this.notBeforeMs = -Infinity;
      return undefined;
    }
    const { phase } = this;
    if (phase.name === "rest") {
      if (isFull && nowMs >= this.notBeforeMs && credits > look.floor) this.measure("before", nowMs);
      return this.phase.name === "rest" ? undefined : credits;
    }
    if (phase.name === "drain") {
      if (look.ours <= credits) this.measure("after", nowMs);
      else if (nowMs - phase.sinceMs > maxDrainMs) return this.giveBack(nowMs);
      return credits;
    }
    // Without a backlog the pace is that of those who ask.
    if (!isFull) return phase.name === "after" ? this.giveBack(nowMs) : this.rest(credits);
    phase.tokens += pace.tokens;
    const tookMs = nowMs - phase.sinceMs;
    if (tookMs < windowMs || phase.tokens < fewestTokens)
      return tookMs <= maxWindowMs
        ? credits
        : phase.name === "after"
          ? this.giveBack(nowMs)
          : this.rest(credits);
    const rate = phase.tokens / tookMs;
    return phase.name === "before" ? this.try(look, rate) : this.judge(look, rate);
  }

  /** Something else explains the slowness. Credits stay as they are. */
  abandon(): void {
    this.phase = { name: "rest" };
  }

  /** Forgets what was found. */
  reset(): void {
    this.abandon();
    this.keptCeiling = Infinity;
  }

  private measure(name: "before" | "after", nowMs: number): void {
    this.phase = { name, sinceMs: nowMs, tokens: 0 };
  }

  private rest(credits: number): number {
    this.phase = { name: "rest" };
    return credits;
  }

  private try({ credits, floor, nowMs }: TrialLook, rate: number): number {
    this.creditsBefore = credits;
    this.rateBefore = rate;
    this.phase = { name: "drain", sinceMs: nowMs };
    return Math.max(floor, Math.min(credits - 1, Math.floor(credits * this.cut)));
  }

  private judge({ credits, nowMs }: TrialLook, rate: number): number {
    if (rate < equalShare * this.rateBefore) return this.giveBack(nowMs);
    this.cut = nextCut;
    this.keptCeiling = credits;
    this.ceilingUntilMs = nowMs + ceilingMs;
    return this.rest(credits);
  }

  private giveBack(nowMs: number): number {
    // A bold cut that lost is tried once more with care.
    this.notBeforeMs = this.cut === firstCut ? nowMs + this.pauseMs : nowMs;
    if (this.cut === firstCut) this.pauseMs = Math.min(maxPauseMs, 2 * this.pauseMs);
    this.cut = firstCut;
    return this.rest(this.creditsBefore);
  }
}
