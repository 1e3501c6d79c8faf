/** The reason of a decision in words and figures, for people. */
import type { Explanation } from "@expert-router/contracts";
import type { ExpertDecision } from "./decision-rule.js";
import type { RoutingPolicy } from "./expert-policy.js";

/** A word of the text and how much it spoke for the class. */
export interface WeightedTerm {
  readonly term: string;
  readonly weight: number;
}

/** Explains `decision`, which `policy` made; `terms` are those that the classifier names. */
export function explainDecision(
  policy: RoutingPolicy,
  decision: ExpertDecision,
  terms: readonly WeightedTerm[] = [],
): Explanation {
  const { cluster, clusterProbability, candidates } = decision;
  const [best, second] = cluster === null ? [] : candidates;
  return {
    text: sentence(policy, decision),
    margin: best !== undefined && second !== undefined ? best.probability - second.probability : null,
    runner_up: second ?? null,
    nearest_class:
      cluster === null || clusterProbability === null
        ? null
        : { name: cluster, probability: clusterProbability },
    threshold: policy.threshold,
    terms: terms.map(({ term, weight }) => ({ term, weight })),
  };
}

function sentence(policy: RoutingPolicy, decision: ExpertDecision): string {
  const { expert, cluster, confidence, candidates, reason } = decision;
  const [best, second] = candidates;
  const leader = best === undefined ? expert : best.expert;
  switch (reason) {
    case "best-match": {
      const ahead =
        second === undefined ? "" : `, ${points(confidence - second.probability)} ahead of ${second.expert}`;
      return `${expert} answers: it is the most probable expert at ${percent(confidence)}${ahead}; the text is nearest to the class ${cluster}.`;
    }
    case "below-threshold":
      return `${expert} answers as the generalist: the most probable expert, ${leader}, has only ${percent(confidence)}, and ${percent(policy.threshold)} are needed.`;
    case "sticky":
      return leader === expert
        ? `${expert} answers because the conversation is with it and no other expert is more probable, though ${percent(confidence)} alone would be too little.`
        : `${expert} answers because the conversation is with it: ${leader} is more probable by less than the ${points(policy.stickiness ?? 0)} that a change takes.`;
    case "no-text":
      return `${expert} answers as the generalist: there is no text to classify.`;
    case "single-expert":
      return `${expert} answers: there is no other expert.`;
    case "spillover":
      return `${expert} answers in place of a busier expert that is more probable by little.`;
    case "pinned":
      return `${expert} answers: the request names it.`;
  }
}

function percent(probability: number): string {
  return `${Math.round(probability * 100)} %`;
}

function points(difference: number): string {
  const count = Math.round(difference * 100);
  return `${count} ${count === 1 ? "point" : "points"}`;
}
