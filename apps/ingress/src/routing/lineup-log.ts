import type { ArtifactRefusal, RouterRole } from "@expert-router/contracts";
import type { Logger, RouterMetrics } from "@expert-router/telemetry";
import type { DecisionFailures } from "./decision-failures.js";
import type { LineupListener, RouterLineup } from "./router-lineup.js";

/** Least time between two lines about decisions that fail in one place. */
const failureSilenceMs = 60_000;

/** Tells the log and the metrics which artifacts were loaded or refused, and why one on trial fails. */
export class LineupLog implements LineupListener, DecisionFailures {
  /** The last refusal of each place: one that is tried again and again is one line. */
  private readonly said = new Map<RouterRole, string>();
  /** When a failed decision of a place was last told. */
  private readonly toldAtMs = new Map<string, number>();

  constructor(
    private readonly logger: Logger,
    private readonly metrics: RouterMetrics,
  ) {}

  loaded(role: RouterRole, version: string | null): void {
    this.metrics.loads.inc({ role, result: "loaded" });
    this.said.delete(role);
    this.logger.info({ role, routerVersion: version }, "a router artifact is loaded");
  }

  refused({ role, path, code, message }: ArtifactRefusal): void {
    this.metrics.loads.inc({ role, result: "refused" });
    if (this.said.get(role) === message) return;
    this.said.set(role, message);
    this.logger.error(
      { role, path, code, reason: message },
      "a router artifact is refused; the one before stays",
    );
  }

  failed(role: "candidate" | "shadow", version: string | null, error: unknown): void {
    const nowMs = Date.now();
    if (nowMs - (this.toldAtMs.get(role) ?? -Infinity) < failureSilenceMs) return;
    this.toldAtMs.set(role, nowMs);
    this.logger.warn(
      { role, routerVersion: version, err: error },
      "a router on trial could not decide; the active one does",
    );
  }

  /** Writes which version serves in which place. */
  publish(lineup: RouterLineup): void {
    const { active, candidate } = lineup.serving;
    const { versions, revision } = this.metrics;
    versions.reset();
    const serving = {
      base: lineup.baseVersion,
      active: active.version,
      candidate: candidate?.version ?? null,
    };
    for (const [role, version] of Object.entries(serving))
      if (version !== null) versions.set({ role, version }, 1);
    revision.set(lineup.revision);
  }
}
