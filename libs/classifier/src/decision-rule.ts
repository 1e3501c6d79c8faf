import type { DecisionReason } from "@expert-router/contracts";
import type { RoutingPolicy } from "./expert-policy.js";

/** One expert and the probability that it is the right one. */
export interface ExpertCandidate {
  readonly expert: string;
  readonly probability: number;
}

/** Where a prompt goes, and why. */
export interface ExpertDecision {
  readonly expert: string;
  /** The label or cluster with the greatest probability; null when no classifier was asked. */
  readonly cluster: string | null;
  /** Probability of the most probable expert, even when the generalist answers in its place; 1 when nothing was asked of a classifier. */
  readonly confidence: number;
  /** All experts, most probable first; the order of the configuration breaks ties. */
  readonly candidates: readonly ExpertCandidate[];
  readonly reason: DecisionReason;
  /** Version of the artifact; null without one. */
  readonly routerVersion: string | null;
}

/** Class probabilities of one prompt, and what they belong to. */
export interface ClassProbabilities {
  readonly probabilities: ArrayLike<number>;
  readonly labels: readonly string[];
  /** Index of the class → index of the expert that answers it. */
  readonly owners: ArrayLike<number>;
  readonly routerVersion: string;
}

/**
 * The decision rule: an expert's probability is the sum over the classes it answers; the greatest wins unless
 * it is below the threshold, in which case the generalist answers.
 */
export function decideExpert(policy: RoutingPolicy, classes: ClassProbabilities): ExpertDecision {
  const sums = new Float64Array(policy.experts.length);
  let bestClass = 0;
  for (let index = 0; index < classes.labels.length; index++) {
    sums[classes.owners[index]!]! += classes.probabilities[index]!;
    if (classes.probabilities[index]! > classes.probabilities[bestClass]!) bestClass = index;
  }
  const candidates = policy.experts
    .map((expert, index) => ({ expert: expert.id, probability: Math.min(1, sums[index]!) }))
    .sort((a, b) => b.probability - a.probability);
  const best = candidates[0]!;
  const sure = best.probability >= policy.threshold;
  return {
    expert: sure ? best.expert : policy.fallback,
    cluster: classes.labels[bestClass]!,
    confidence: best.probability,
    candidates,
    reason: sure ? "best-match" : "below-threshold",
    routerVersion: classes.routerVersion,
  };
}

/** The decision where no classifier is asked: one expert only, or no text. The generalist answers. */
export function decideWithoutText(
  policy: RoutingPolicy,
  reason: Extract<DecisionReason, "no-text" | "single-expert">,
  routerVersion: string | null,
): ExpertDecision {
  const candidates = policy.experts
    .map(({ id }) => ({ expert: id, probability: id === policy.fallback ? 1 : 0 }))
    .sort((a, b) => b.probability - a.probability);
  return { expert: policy.fallback, cluster: null, confidence: 1, candidates, reason, routerVersion };
}
