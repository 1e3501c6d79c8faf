import type { EngineLoad } from "@expert-router/engine";
import { SlownessTrial } from "./slowness-trial.js";
import { TokenPace, type PaceMeter } from "./token-pace.js";

/** Looks in a row that must see a queue in the engine: a request may stand there for the moment between two steps. */
const queueLooks = 2;
/** A cache so full is about to throw running requests out; below the second mark it has room for more. */
const cacheFull = 0.95;
const cacheCalm = 0.85;
const cacheFactor = 0.9;
/** Pause behind a shrink, in which what runs above the credits ends and what they do shows. */
const holdMs = 2_000;
/** Between the end of a request and the next one from the queue, a credit is not used. */
const fullShare = 0.9;
/** An engine with nothing to do gets all its credits back within this time. */
const forgetMs = 60_000;
/** A full cache, or slowness, never costs more than all but this share of what is configured. */
const floorShare = 1 / 8;

/**
 * How many requests one worker gives to its engine. The configured number is the upper bound; below it the engine's own
 * queue, its cache and the pace of its tokens decide, so that the backlog stays in Redis. Shrinks at once to what the engine
 * runs, grows by steps that double while nothing speaks against it. Never 0: whether the engine may be used at all
 * is the circuit's to say.
 */
export class EngineCredits {
  private current: number;
  private limit: number;
  private readonly pace: TokenPace;
  private readonly trial: SlownessTrial;
  private queuedLooks = 0;
  private growStep = 1;
  private heldUntilMs = -Infinity;
  private lookedAtMs: number;
  private idleGrowth = 0;

  /** Called after each change. */
  onChange: () => void = () => undefined;

  constructor(
    private readonly concurrency: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.current = concurrency;
    this.limit = concurrency;
    this.lookedAtMs = now();
    this.pace = new TokenPace(now);
    this.trial = new SlownessTrial();
  }

  get credits(): number {
    return this.current;
  }

  /** Measures one engine call that begins now. */
  measure(): PaceMeter {
    return this.pace.begin();
  }

  /** Looks at the engine, about twice a second. `load`: undefined where it is not known; `ours`: requests of this worker in it. */
  look(load: EngineLoad | undefined, ours: number): void {
    const nowMs = this.now();
    const sinceMs = nowMs - this.lookedAtMs;
    this.lookedAtMs = nowMs;
    this.limit = Math.min(this.concurrency, load?.slots ?? this.concurrency);
    const pace = this.pace.look();
    this.queuedLooks = (load?.waiting ?? 0) > 0 ? this.queuedLooks + 1 : 0;
    const before = this.current;
    this.current = Math.min(this.limit, Math.max(1, this.next(load, ours, nowMs, sinceMs, pace)));
    if (this.current !== before) this.onChange();
  }

  private next(
    load: EngineLoad | undefined,
    ours: number,
    nowMs: number,
    sinceMs: number,
    pace: ReturnType<TokenPace["look"]>,
  ): number {
    if (this.queuedLooks > 0) {
      this.trial.abandon();
      if (this.queuedLooks < queueLooks) return this.current;
      // Above what the last shrink left, requests are running out; they are no reason for another one.
      return this.shrink(nowMs, Math.min(this.current, this.ourShare(load, ours)));
    }
    if ((load?.cacheUsage ?? 0) >= cacheFull) {
      this.trial.abandon();
      if (nowMs < this.heldUntilMs) return this.current;
      return this.shrink(nowMs, Math.max(this.floor, Math.floor(Math.min(ours, this.current) * cacheFactor)));
    }
    // Only a worker that uses what it has shows what more or less of it would do.
    const isFull = ours >= Math.ceil(this.current * fullShare);
    const tried = this.trial.look({ credits: this.current, ours, floor: this.floor, isFull, nowMs, pace });
    if (tried !== undefined) return tried;
    if (nowMs < this.heldUntilMs || (load?.cacheUsage ?? 0) >= cacheCalm) return this.current;
    if (isFull) return this.grow();
    this.growStep = 1;
    return ours === 0 && pace.tokens === 0 ? this.forget(sinceMs) : this.current;
  }

  /** What the engine runs of this worker's requests: all of it, or the part that others leave. */
  private ourShare(load: EngineLoad | undefined, ours: number): number {
    const { running = 0, waiting = 0 } = load ?? {};
    const all = Math.max(running + waiting, 1);
    // At a moment when its batch is empty, a server's running figure says nothing of what it can do.
    if (running === 0) return Math.ceil(this.current / 2);
    return Math.round(running * Math.min(1, ours / all));
  }

  private shrink(nowMs: number, to: number): number {
    this.heldUntilMs = nowMs + holdMs;
    this.growStep = 1;
    return to;
  }

  private grow(): number {
    const grown = this.current + this.growStep;
    this.growStep = Math.min(2 * this.growStep, Math.max(1, Math.floor(this.limit / 8)));
    return Math.min(grown, this.trial.ceiling);
  }

  private forget(sinceMs: number): number {
    this.trial.reset();
    this.idleGrowth += (this.limit * sinceMs) / forgetMs;
    const whole = Math.floor(this.idleGrowth);
    this.idleGrowth -= whole;
    return this.current + whole;
  }

  private get floor(): number {
    return Math.max(1, Math.ceil(this.limit * floorShare));
  }
}
