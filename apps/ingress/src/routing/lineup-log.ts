import type { ArtifactRefusal, RouterRole } from "@expert-router/contracts";
import type { Logger, RouterMetrics } from "@expert-router/telemetry";
import type { LineupListener, RouterLineup } from "./router-lineup.js";

/** Tells the log and the metrics which artifacts were loaded or refused. */
export class LineupLog implements LineupListener {
  /** The last refusal of each place: one that is tried again and again is one line. */
  private readonly said = new Map<RouterRole, string>();

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
