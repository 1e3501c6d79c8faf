import type { EngineLoad } from "@expert-router/engine";
import { EngineCredits } from "../engine-credits.js";
import type { PaceMeter } from "../token-pace.js";

/** An inference server on a simulated clock, and a worker with an endless backlog before it. */
export class EngineModel {
  /** Requests run at once. */
  batch: number;
  /** Milliseconds between two tokens when `running` do. */
  tokenMs: (running: number) => number;
  cacheUsage = 0;
  /** Requests of another process that the engine runs before ours. */
  others = 0;
  /** Whether it has a load page. */
  tells = true;
  /** Requests that the worker could have in it at most. */
  demand = Infinity;
  nowMs = 0;
  tokens = 0;
  readonly credits: EngineCredits;
  private readonly requests: { readonly meter: PaceMeter; left: number; due: number }[] = [];

  constructor(
    readonly concurrency: number,
    options: { batch: number; tokenMs: (running: number) => number },
  ) {
    this.batch = options.batch;
    this.tokenMs = options.tokenMs;
    this.credits = new EngineCredits(concurrency, () => this.nowMs);
  }

  get load(): EngineLoad {
    const running = Math.min(this.batch, this.requests.length + this.others);
    const waiting = this.requests.length + this.others - running;
    return { running, waiting, cacheUsage: this.cacheUsage };
  }

  get inFlight(): number {
    return this.requests.length;
  }

  /** Runs for `seconds`, with a look every half second; answers tokens a second and the fewest credits. */
  run(seconds: number, answerTokens = 50): { perS: number; fewest: number } {
    const before = this.tokens;
    let fewest = Infinity;
    for (let step = 0; step < seconds * 100; step += 1) {
      this.nowMs += 10;
      this.step(answerTokens);
      if (step % 50 === 49) this.credits.look(this.tells ? this.load : undefined, this.requests.length);
      fewest = Math.min(fewest, this.credits.credits);
    }
    return { perS: (this.tokens - before) / seconds, fewest };
  }

  private step(answerTokens: number): void {
    this.refill(answerTokens);
    const running = this.requests.slice(0, Math.max(0, this.batch - this.others));
    const perToken = this.tokenMs(running.length + this.others);
    for (const request of running) {
      request.due += 10 / perToken;
      const count = Math.min(request.left, Math.floor(request.due));
      request.due -= count;
      request.left -= count;
      this.tokens += count;
      request.meter.received(count);
    }
    for (let i = this.requests.length - 1; i >= 0; i -= 1)
      if (this.requests[i]?.left === 0) this.requests.splice(i, 1);
    this.refill(answerTokens);
  }

  private refill(answerTokens: number): void {
    const wanted = Math.min(this.credits.credits, this.demand);
    while (this.requests.length < wanted)
      this.requests.push({ meter: this.credits.measure(), left: answerTokens, due: 0 });
  }
}
