import { isSeed } from "./prompt-example.js";
import { SeededRandom } from "./seeded-random.js";

/** A source that holds more than this share of its label's rows cannot be held out whole: nothing would be left to learn from. */
const dominantShare = 0.9;

/** Rows divided for cross-validation. */
export interface SourceFolds {
  /** Row → fold; −1 for a seed prompt, which is trained on in every fold and judged in none. */
  readonly folds: Int32Array;
  readonly count: number;
  /** Row → 1 if its whole source is in its fold, so that nothing of the source is trained on with it. */
  readonly whole: Uint8Array;
}

/**
 * Divides rows so that a source stands in one fold only: random divisions overstate accuracy, because a
 * classifier learns each source's wording. The largest sources are placed first, each where it makes the rows of
 * every label most even (least sum of squared shares). The dominant source of a label, and rows without a
 * source, are divided at random row by row.
 *
 * @param greatestShare of a label's rows that a source left out whole may hold; 1 leaves out every source whole, even if
 * nothing of a label is left to learn from.
 */
export function divideBySource(
  labels: Int32Array,
  sources: readonly (string | undefined)[],
  count: number,
  seed: number,
  greatestShare = dominantShare,
): SourceFolds {
  const sizes = countByLabel(labels, sources);
  const totals = new Map<number, number>();
  for (const bySource of sizes.values())
    for (const [label, size] of bySource) totals.set(label, (totals.get(label) ?? 0) + size);
  const foldOf = new Map<string, number>();
  const loads = Array.from({ length: count }, () => new Map<number, number>());
  const seeds = Uint8Array.from(sources, (source) => (isSeed({ source }) ? 1 : 0));
  const onlySeeds = seeds.every((of) => of === 1);
  const bySize = [...sizes].sort(([a, x], [b, y]) => sum(y) - sum(x) || (a < b ? -1 : 1));
  for (const [source, bySource] of bySize) {
    if (isSeed({ source }) && !onlySeeds) continue;
    if ([...bySource].some(([label, size]) => size > greatestShare * totals.get(label)!)) continue;
    const costs = loads.map((load) => {
      let cost = 0;
      for (const [label, size] of bySource)
        cost += (size * (2 * (load.get(label) ?? 0) + size)) / (totals.get(label)! * totals.get(label)!);
      return cost;
    });
    const fold = costs.indexOf(Math.min(...costs));
    foldOf.set(source, fold);
    for (const [label, size] of bySource) loads[fold]!.set(label, (loads[fold]!.get(label) ?? 0) + size);
  }
  const random = new SeededRandom(seed);
  const folds = Int32Array.from(sources, (source, row) => {
    if (seeds[row] === 1 && !onlySeeds) return -1;
    return foldOf.get(source ?? "") ?? random.nextBelow(count);
  });
  return { folds, count, whole: Uint8Array.from(sources, (source) => (foldOf.has(source ?? "") ? 1 : 0)) };
}

function countByLabel(
  labels: Int32Array,
  sources: readonly (string | undefined)[],
): Map<string, Map<number, number>> {
  const sizes = new Map<string, Map<number, number>>();
  for (const [row, source] of sources.entries()) {
    if (source === undefined) continue;
    const bySource = sizes.get(source) ?? new Map<number, number>();
    sizes.set(source, bySource.set(labels[row]!, (bySource.get(labels[row]!) ?? 0) + 1));
  }
  return sizes;
}

function sum(sizes: ReadonlyMap<number, number>): number {
  let total = 0;
  for (const size of sizes.values()) total += size;
  return total;
}
