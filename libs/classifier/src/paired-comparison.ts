/** How the right and wrong answers of two routers on the same prompts go together. */
export interface PairedCounts {
  readonly both_right: number;
  /** Right by the first router only. */
  readonly only_first: number;
  /** Right by the second router only. */
  readonly only_second: number;
  readonly both_wrong: number;
}

/**
 * Two-sided exact test of McNemar ("Note on the sampling error of the difference between correlated proportions",
 * Psychometrika 1947): the probability that chance alone splits the prompts on which exactly one router is right as
 * unevenly as seen, P = min(1, 2 · Σ_{i ≤ min(b, c)} C(b + c, i) / 2^(b + c)).
 */
export function mcnemarProbability(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  const least = Math.min(onlyFirst, onlySecond);
  let logTerm = -n * Math.log(2);
  let sum = Math.exp(logTerm);
  // Terms grow towards the middle, so what underflows at first is nothing beside what follows.
  for (let i = 1; i <= least; i++) {
    logTerm += Math.log((n - i + 1) / i);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}
