const pairs = (count: number): number => (count * (count - 1)) / 2;

/**
 * How far two divisions of the same points agree, beyond chance: 1 for the same division under any names, about 0
 * for unrelated ones (Hubert and Arabie, "Comparing partitions", Journal of Classification 2, 1985).
 */
export function adjustedRandIndex(left: Int32Array, right: Int32Array): number {
  const cells = new Map<string, number>();
  const rows = new Map<number, number>();
  const columns = new Map<number, number>();
  for (const [point, a] of left.entries()) {
    const b = right[point]!;
    cells.set(`${a},${b}`, (cells.get(`${a},${b}`) ?? 0) + 1);
    rows.set(a, (rows.get(a) ?? 0) + 1);
    columns.set(b, (columns.get(b) ?? 0) + 1);
  }
  const together = (counts: Iterable<number>): number => [...counts].reduce((sum, of) => sum + pairs(of), 0);
  const [inRows, inColumns] = [together(rows.values()), together(columns.values())];
  const expected = left.length < 2 ? 0 : (inRows * inColumns) / pairs(left.length);
  const most = (inRows + inColumns) / 2;
  return most === expected ? 1 : (together(cells.values()) - expected) / (most - expected);
}
