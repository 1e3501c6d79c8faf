import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Tenths of a probability. */
const probabilityBuckets = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
/** Seconds that a shadow decision takes, its wait in the backlog included. */
const shadowBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** Metrics about the router's versions and about what they decide. */
export interface RouterMetrics {
  /** 1 for each version that is loaded, by the place it serves in (`base`, `active`, `candidate`). */
  readonly versions: Gauge<"role" | "version">;
  /** Artifacts that were to be loaded, by place and result (`loaded`, `refused`). */
  readonly loads: Counter<"role" | "result">;
  /** Revision of the deployment that this process has acted on. */
  readonly revision: Gauge;
  /** Decisions by the place of the version that made them. */
  readonly decisions: Counter<"role">;
  /** Decisions that the candidate failed at, so that the active version made them. */
  readonly candidateFailures: Counter;
  /** Probability of the most probable expert. */
  readonly confidence: Histogram;
  /** Decisions made in the shadow, by what the active and the shadow version chose. */
  readonly shadowDecisions: Counter<"active" | "shadow">;
  readonly shadowSeconds: Histogram;
  /** Shadow decisions that were not made, by cause (`backlog`, `failed`). */
  readonly shadowDropped: Counter<"cause">;
  /** Population stability index of the window, by what is compared (`classes`, `confidence`). */
  readonly driftPsi: Gauge<"of">;
  /** Decisions in the window. */
  readonly driftPrompts: Gauge;
  /** Shares of the window, by kind (`below-threshold`, `unknown`). */
  readonly driftShare: Gauge<"of">;
  /** Share of each class, `live` in the window and `expected` by the training report. */
  readonly classShare: Gauge<"class" | "of">;
  /** Prompts for retraining, by what became of them (`kept`, `dropped`). */
  readonly keptPrompts: Counter<"result">;
}

/** The router's metrics on `registry`. */
export function createRouterMetrics(registry: Registry): RouterMetrics {
  const registers = [registry];
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Counter<Label> => new Counter({ name: `expert_router_${name}`, help, labelNames, registers });
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Gauge<Label> => new Gauge({ name: `expert_router_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `expert_router_${name}`, help, buckets, registers });

  return {
    versions: gauge("router_version", "1 for each loaded version of the router.", ["role", "version"]),
    loads: counter("router_loads_total", "Router artifacts loaded or refused.", ["role", "result"]),
    revision: gauge("router_deployment_revision", "Revision of the deployment acted on."),
    decisions: counter("router_decisions_total", "Decisions by the place of the version.", ["role"]),
    candidateFailures: counter("router_candidate_failures_total", "Decisions the candidate failed at."),
    confidence: histogram("route_confidence", "Probability of the most probable expert.", probabilityBuckets),
    shadowDecisions: counter("shadow_decisions_total", "Shadow decisions by chosen experts.", [
      "active",
      "shadow",
    ]),
    shadowSeconds: histogram("shadow_seconds", "Time to a shadow decision.", shadowBuckets),
    shadowDropped: counter("shadow_dropped_total", "Shadow decisions that were not made.", ["cause"]),
    driftPsi: gauge("drift_psi", "Population stability index against the training report.", ["of"]),
    driftPrompts: gauge("drift_window_prompts", "Decisions in the drift window."),
    driftShare: gauge("drift_share", "Shares of the drift window.", ["of"]),
    classShare: gauge("drift_class_share", "Share of each class, live and expected.", ["class", "of"]),
    keptPrompts: counter("kept_prompts_total", "Prompts sampled for retraining.", ["result"]),
  };
}
