import { SeededRandom } from "./seeded-random.js";
import type { SparseRows } from "./sparse-rows.js";

/** Passes over the matrix; each sharpens the subspace by the square of the ratio of singular values. */
const powerIterations = 4;

/**
 * An orthonormal basis of the leading right singular subspace of a sparse matrix, by subspace iteration (Halko,
 * Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011, algorithm 4.4). Distances between
 * projected rows are those of a truncated SVD, as rotations inside the subspace keep them; so the singular
 * vectors themselves are not worked out.
 *
 * @returns `matrix.width` rows of `dimensions` values.
 */
export function leadingSubspace(
  matrix: SparseRows,
  dimensions: number,
  seed: number,
  onProgress?: (done: number) => void,
): Float32Array {
  const random = new SeededRandom(seed);
  const basis = Float32Array.from({ length: matrix.width * dimensions }, () => random.next() - 0.5);
  orthonormalize(basis, dimensions);
  for (let round = 0; round < powerIterations; round++) {
    const projected = projectRows(matrix, basis, dimensions);
    basis.fill(0);
    for (let row = 0; row + 1 < matrix.starts.length; row++) {
      const from = row * dimensions;
      for (let index = matrix.starts[row]!; index < matrix.starts[row + 1]!; index++) {
        const to = matrix.ids[index]! * dimensions;
        const weight = matrix.weights[index]!;
        for (let d = 0; d < dimensions; d++) basis[to + d]! += weight * projected[from + d]!;
      }
    }
    orthonormalize(basis, dimensions);
    onProgress?.((round + 1) / powerIterations);
  }
  return basis;
}

/** Rows of the matrix times the basis, as they are: not brought to unit length. */
export function projectRows(matrix: SparseRows, basis: Float32Array, dimensions: number): Float32Array {
  const rows = matrix.starts.length - 1;
  const projected = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const to = row * dimensions;
    for (let index = matrix.starts[row]!; index < matrix.starts[row + 1]!; index++) {
      const from = matrix.ids[index]! * dimensions;
      const weight = matrix.weights[index]!;
      for (let d = 0; d < dimensions; d++) projected[to + d]! += weight * basis[from + d]!;
    }
  }
  return projected;
}

/** Gram-Schmidt over the columns, twice, which is enough in single precision. A column that vanishes becomes zero. */
function orthonormalize(basis: Float32Array, columns: number): void {
  const rows = basis.length / columns;
  for (let pass = 0; pass < 2; pass++) {
    for (let column = 0; column < columns; column++) {
      const dots = new Float64Array(column + 1);
      for (let row = 0; row < rows; row++) {
        const base = row * columns;
        const value = basis[base + column]!;
        for (let other = 0; other < column; other++) dots[other]! += value * basis[base + other]!;
      }
      let square = 0;
      for (let row = 0; row < rows; row++) {
        const base = row * columns;
        let value = basis[base + column]!;
        for (let other = 0; other < column; other++) value -= dots[other]! * basis[base + other]!;
        basis[base + column] = value;
        square += value * value;
      }
      const scale = square > 1e-20 ? 1 / Math.sqrt(square) : 0;
      for (let row = 0; row < rows; row++) basis[row * columns + column]! *= scale;
    }
  }
}
