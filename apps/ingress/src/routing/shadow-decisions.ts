import type { ExpertDecision } from "@expert-router/classifier";
import type { ExpertRouter } from "@expert-router/embedder";
import type { RouterMetrics } from "@expert-router/telemetry";
import type { DecisionFailures } from "./decision-failures.js";

/** Decisions that wait at most; a text of one is bounded by what is classified at all. */
const maxBacklog = 256;

interface Waiting {
  readonly turns: readonly string[];
  readonly chosen: string;
  readonly shadow: ExpertRouter;
  readonly offeredAt: number;
}

/**
 * Lets a second version decide what the first has decided, and counts how they differ. One at a time, a turn of the event loop
 * for each, so that requests go before it; what does not fit the backlog is dropped. It never throws and answers nothing.
 */
export class ShadowDecisions {
  private readonly backlog: Waiting[] = [];
  private running = false;

  constructor(
    private readonly metrics: RouterMetrics,
    private readonly log: DecisionFailures,
    /** Whether this version still serves: one that is closed is not asked any more. */
    private readonly isServing: (shadow: ExpertRouter) => boolean,
  ) {}

  /** Notes a decision for comparison; returns at once. */
  offer(shadow: ExpertRouter, turns: readonly string[], decision: ExpertDecision): void {
    if (this.backlog.length >= maxBacklog) return this.metrics.shadowDropped.inc({ cause: "backlog" });
    this.backlog.push({ turns, chosen: decision.expert, shadow, offeredAt: performance.now() });
    if (this.running) return;
    this.running = true;
    setImmediate(() => void this.work());
  }

  private async work(): Promise<void> {
    const { shadowDecisions, shadowSeconds, shadowDropped } = this.metrics;
    for (let next = this.backlog.shift(); next !== undefined; next = this.backlog.shift()) {
      const { turns, chosen, shadow, offeredAt } = next;
      if (!this.isServing(shadow)) continue;
      try {
        const { expert } = await shadow.routeTurns(turns);
        shadowDecisions.inc({ active: chosen, shadow: expert });
        shadowSeconds.observe((performance.now() - offeredAt) / 1_000);
      } catch (error) {
        shadowDropped.inc({ cause: "failed" });
        this.log.failed("shadow", shadow.version, error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.running = false;
  }
}
