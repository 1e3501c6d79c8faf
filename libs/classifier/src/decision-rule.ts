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
  /** Probability of {@link cluster}. */
  readonly clusterProbability: number | null;
  /** Features of the text that the router knows; null when no classifier was asked, or it cannot tell. */
  readonly features: number | null;
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
  /** Features of the text that the router knows, where the classifier tells. */
  readonly features?: number | undefined;
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
    clusterProbability: classes.probabilities[bestClass]!,
    features: classes.features ?? null,
    confidence: best.probability,
    candidates,
    reason: sure ? "best-match" : "below-threshold",
    routerVersion: classes.routerVersion,
  };
}

/**
 * The decision of a conversation, from its turns in order, the last one last. It stays with the expert it has unless
 * another one is more probable by {@link RoutingPolicy.stickiness} at least; then {@link decideExpert} decides anew. What the
 * last turn alone would not have chosen has the reason `sticky`. A function of the request only: no replica remembers
 * conversations, and every replica decides alike.
 */
export function decideConversation(
  policy: RoutingPolicy,
  turns: readonly [ClassProbabilities, ...ClassProbabilities[]],
): ExpertDecision {
  const [first, ...later] = turns;
  return later.reduce(
    (before, turn) => stayOrLeave(policy, before.expert, decideExpert(policy, turn)),
    decideExpert(policy, first),
  );
}

function stayOrLeave(policy: RoutingPolicy, current: string, alone: ExpertDecision): ExpertDecision {
  const stickiness = policy.stickiness ?? 0;
  if (stickiness === 0 || alone.expert === current) return alone;
  const kept = alone.candidates.find(({ expert }) => expert === current)!.probability;
  if (alone.confidence - kept >= stickiness) return alone;
  return { ...alone, expert: current, reason: "sticky" };
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
  return {
    expert: policy.fallback,
    cluster: null,
    clusterProbability: null,
    features: null,
    confidence: 1,
    candidates,
    reason,
    routerVersion,
  };
}
