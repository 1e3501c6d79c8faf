import { exactPower } from "./exact-math.js";

/** How a label's share of the training grows with its rows: 0 makes all labels equal, 1 counts rows. */
const labelPower = 0.5;

/** The same for the sources of one label. A large source would teach its own wording instead of its subject. */
const sourcePower = 0.25;

/**
 * Importance of every row in training, 1 on average. Rows of one label and source weigh the same; rows without a
 * source count as one source of their label.
 */
export function weighRows(labels: Int32Array, sources: readonly (string | undefined)[]): Float64Array {
  const groups = new Map<number, Map<string, number>>();
  for (const [row, label] of labels.entries()) {
    const bySource = groups.get(label) ?? new Map<string, number>();
    const source = sources[row] ?? "";
    groups.set(label, bySource.set(source, (bySource.get(source) ?? 0) + 1));
  }
  const weightOf = new Map<number, Map<string, number>>();
  for (const [label, bySource] of groups) {
    const sizes = [...bySource.values()];
    const rows = sizes.reduce((sum, size) => sum + size, 0);
    const shares = sizes.reduce((sum, size) => sum + exactPower(size, sourcePower), 0);
    const perShare = exactPower(rows, labelPower) / shares;
    weightOf.set(
      label,
      new Map(
        [...bySource].map(([source, size]) => [source, (perShare * exactPower(size, sourcePower)) / size]),
      ),
    );
  }
  const weights = Float64Array.from(labels, (label, row) => weightOf.get(label)!.get(sources[row] ?? "")!);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => weight / mean);
}
