import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Mean of those rows of `rows` that `chosen` names. */
export function meanRow(rows: Float32Array, columns: number, chosen: Int32Array): Float32Array {
  const sum = new Float64Array(columns);
  for (const row of chosen)
    for (let column = 0; column < columns; column++) sum[column]! += rows[row * columns + column]!;
  return Float32Array.from(sum, (value) => value / Math.max(1, chosen.length));
}

/** Subtracts `mean` from every row, in place. */
export function subtractRow(rows: Float32Array, mean: Float32Array): void {
  for (let at = 0; at < rows.length; at += mean.length)
    for (let column = 0; column < mean.length; column++) rows[at + column]! -= mean[column]!;
}

/** Directions that keep most of some rows. */
export interface PrincipalDirections {
  /** One column a direction, the strongest first; they are orthonormal. */
  readonly basis: Float32Array;
  readonly count: number;
  /** Part of the squared length of the rows that lies in them, each group counting the same. */
  readonly kept: number;
}

/**
 * The `count` leading eigenvectors of the second moments of `rows`, every group of rows with the same weight however
 * many it has: a few prompts say as much about what prompts are like as many definitions say about words.
 */
export function principalDirections(
  rows: Float32Array,
  columns: number,
  groups: readonly Int32Array[],
  count: number,
): PrincipalDirections {
  const moments = new Float64Array(columns * columns);
  for (const group of groups) addMoments(rows, columns, group, moments);
  const matrix = Matrix.from1DArray(columns, columns, moments);
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const order = [...realEigenvalues.keys()].sort(
    (a, b) => realEigenvalues[b]! - realEigenvalues[a]! || a - b,
  );
  const chosen = order.slice(0, count);
  const basis = new Float32Array(columns * count);
  for (let row = 0; row < columns; row++)
    for (const [at, from] of chosen.entries()) basis[row * count + at] = eigenvectorMatrix.get(row, from);
  const sum = (of: readonly number[]): number => of.reduce((total, at) => total + realEigenvalues[at]!, 0);
  return { basis, count, kept: sum(chosen) / sum(order) };
}

/** Rows times the basis. */
export function projectOnto({ basis, count }: PrincipalDirections, rows: Float32Array): Float32Array {
  const columns = basis.length / count;
  const projected = new Float32Array((rows.length / columns) * count);
  const sum = new Float64Array(count);
  for (let row = 0; row * columns < rows.length; row++) {
    sum.fill(0);
    for (let column = 0; column < columns; column++) {
      const value = rows[row * columns + column]!;
      const from = column * count;
      for (let at = 0; at < count; at++) sum[at]! += value * basis[from + at]!;
    }
    projected.set(sum, row * count);
  }
  return projected;
}

/** Adds the mean of row ⊗ row over `group` to `moments`, a symmetric matrix. */
function addMoments(rows: Float32Array, columns: number, group: Int32Array, moments: Float64Array): void {
  for (const row of group) {
    const values = rows.subarray(row * columns, (row + 1) * columns);
    for (let a = 0; a < columns; a++) {
      const value = values[a]! / group.length;
      for (let b = 0; b <= a; b++) moments[a * columns + b]! += value * values[b]!;
    }
  }
  for (let a = 0; a < columns; a++)
    for (let b = 0; b < a; b++) moments[b * columns + a] = moments[a * columns + b]!;
}
