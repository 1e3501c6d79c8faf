import type { InferenceEngine } from "@expert-router/engine";
import type { EngineCredits } from "./engine-credits.js";

const lookMs = 500;
const lookTimeoutMs = 1_000;

/** Shows the credits, twice a second, what the engine says of its load and how many requests it has of this worker. */
export class LoadWatch {
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly engine: Pick<InferenceEngine, "load">,
    private readonly credits: Pick<EngineCredits, "look">,
    /** Requests in the engine; undefined while it is left alone. */
    private readonly running: () => number | undefined,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), lookMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    // A page that takes long is waited for, not asked for twice.
    if (this.looking || this.running() === undefined) return;
    this.looking = true;
    try {
      const load = await this.engine.load?.(lookTimeoutMs);
      const running = this.running();
      if (running !== undefined) this.credits.look(load, running);
    } finally {
      this.looking = false;
    }
  }
}
