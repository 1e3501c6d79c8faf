import { driftReference, DriftWindow, type ExpertDecision } from "@expert-router/classifier";
import type { Drift } from "@expert-router/contracts";
import type { ExpertRouter } from "@expert-router/embedder";
import type { RouterMetrics } from "@expert-router/telemetry";

/** What the active version decides, against its training report. Another version begins with an empty window. */
export class TrafficDrift {
  private router: ExpertRouter | undefined;
  private window: DriftWindow | undefined;

  constructor(
    private readonly threshold: number,
    private readonly metrics: RouterMetrics,
  ) {}

  /** Counts a decision of `router`, the active one. Decisions without a classifier say nothing about it. */
  observe(router: ExpertRouter, decision: ExpertDecision): void {
    if (this.router !== router) this.begin(router);
    const { cluster, clusterProbability, confidence, features } = decision;
    if (cluster === null || clusterProbability === null) return;
    this.window?.add({
      cluster,
      clusterProbability,
      confidence,
      belowThreshold: confidence < this.threshold,
      unknown: features === 0,
    });
  }

  /** The window of `router`; null where there is nothing to compare. */
  summary(router: ExpertRouter): Drift | null {
    if (this.router !== router) this.begin(router);
    return this.window?.summary(router.version!) ?? null;
  }

  /** Writes the gauges. */
  publish(router: ExpertRouter): void {
    const drift = this.summary(router);
    if (drift === null) return;
    const { driftPsi, driftPrompts, driftShare, classShare } = this.metrics;
    driftPrompts.set(drift.prompts);
    driftPsi.set({ of: "classes" }, drift.class_psi);
    if (drift.confidence_psi !== null) driftPsi.set({ of: "confidence" }, drift.confidence_psi);
    driftShare.set({ of: "below-threshold" }, drift.below_threshold_share);
    driftShare.set({ of: "unknown" }, drift.unknown_share);
    for (const { name, share, expected } of drift.classes) {
      classShare.set({ class: name, of: "live" }, share);
      classShare.set({ class: name, of: "expected" }, expected);
    }
  }

  private begin(router: ExpertRouter): void {
    this.router = router;
    const { manifest } = router;
    this.window = manifest === undefined ? undefined : new DriftWindow(driftReference(manifest));
    // Gauges of classes that the new version does not have would stay for ever.
    this.metrics.classShare.reset();
    this.metrics.driftPsi.reset();
  }
}
