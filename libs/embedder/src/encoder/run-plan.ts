/**
 * Padded tokens of one run. Longer ones cost more a token, because what passes between the layers leaves the processor's
 * caches: with MiniLM, runs of 1,440 tokens took up to 9 % more time a token than runs of 180 to 360.
 */
const maxRunTokens = 768;

/** What starting a run costs, in tokens that could be computed meanwhile; measured with MiniLM, where it is 10 to 40. */
const runCostTokens = 32;

/**
 * Splits rows with these token counts into runs so that starts and padding together cost least. Each run is a list of
 * rows, and is padded to its longest.
 */
export function planRuns(lengths: readonly number[]): number[][] {
  const order = lengths.map((_, row) => row).toSorted((a, b) => lengths[a]! - lengths[b]!);
  // Sorted by length, the best runs are stretches: cost[to] is that of the first `to` rows, whose last run begins at begin[to].
  const cost = [0];
  const begin = [0];
  for (let to = 1; to <= order.length; to++) {
    const longest = lengths[order[to - 1]!]!;
    cost[to] = Infinity;
    for (let from = to - 1; from >= 0; from--) {
      const padded = (to - from) * longest;
      if (padded > maxRunTokens && to - from > 1) break;
      const total = cost[from]! + padded + runCostTokens;
      if (total >= cost[to]!) continue;
      cost[to] = total;
      begin[to] = from;
    }
  }
  const runs: number[][] = [];
  for (let to = order.length; to > 0; to = begin[to]!) runs.unshift(order.slice(begin[to], to));
  return runs;
}
