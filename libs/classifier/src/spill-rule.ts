import type { ExpertCandidate, ExpertDecision } from "./decision-rule.js";

/** What a decision may give up for a shorter wait. */
export interface SpillPolicy {
  /** Probability, 0 to 1; 0: nothing. */
  readonly margin: number;
  /** Seconds of waiting that are worth the whole margin. */
  readonly waitScaleS: number;
  /** Id of the generalist. */
  readonly fallback: string;
  /** Seconds that the request would wait at an expert; Infinity: nobody works there; null: not known. */
  readonly waitS: (expert: string) => number | null;
}

/** Another expert than the decided one. */
export interface Spill {
  readonly expert: string;
  /** Seconds; null: the decided expert is away. */
  readonly waitSavedS: number | null;
}

/**
 * The expert that answers in place of the decided one; undefined: none does. Among the experts whose probability is less than
 * the best by the margin at most, the one with the least price wins:
 *
 *     price = (p_best − p) / margin + wait / wait scale
 *
 * The generalist takes over when all of those are away. A conversation leaves its expert, and an uncertain prompt the
 * generalist, only when that is away; what was decided without a classifier stays where it is.
 */
export function spill(
  decision: Pick<ExpertDecision, "expert" | "reason" | "candidates">,
  { margin, waitScaleS, fallback, waitS }: SpillPolicy,
): Spill | undefined {
  const { expert: decided, reason, candidates } = decision;
  const [best] = candidates;
  if (margin === 0 || best === undefined) return undefined;
  if (reason !== "best-match" && reason !== "sticky" && reason !== "below-threshold") return undefined;
  // Nothing speaks for leaving an expert whose wait is not known.
  const ownWaitS = waitS(decided) ?? 0;
  const isAway = ownWaitS === Infinity;
  if (!isAway && reason !== "best-match") return undefined;

  const priceOf = ({ expert, probability }: ExpertCandidate): number => {
    // Nobody is sent where nothing is known, unless there is nobody else: a whole herd would follow at once.
    const wait = expert === decided ? ownWaitS : (waitS(expert) ?? (isAway ? waitScaleS : ownWaitS));
    return (best.probability - probability) / margin + wait / waitScaleS;
  };
  let cheapest = decided;
  let least = Infinity;
  for (const candidate of candidates) {
    // Differences of decimals are not exact, and the margin is meant to be part of the range.
    if (best.probability - candidate.probability > margin + 1e-9) continue;
    const price = priceOf(candidate);
    if (price < least) [cheapest, least] = [candidate.expert, price];
  }
  if (least === Infinity && decided !== fallback && waitS(fallback) !== Infinity) cheapest = fallback;
  if (cheapest === decided) return undefined;
  return { expert: cheapest, waitSavedS: isAway ? null : ownWaitS - (waitS(cheapest) ?? 0) };
}
