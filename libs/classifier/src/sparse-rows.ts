/** A sparse matrix by rows (CSR): row r holds `ids[starts[r] … starts[r + 1])` with the same places of `weights`. */
export interface SparseRows {
  readonly starts: Int32Array;
  readonly ids: Int32Array;
  readonly weights: Float32Array;
  /** Number of columns. */
  readonly width: number;
}

/** Features of one text: ids and their weights, in the order the text shows them. */
export interface SparseVector {
  readonly ids: Int32Array;
  readonly weights: Float32Array;
}

/** Stacks vectors into a matrix. */
export function stackRows(vectors: readonly SparseVector[], width: number): SparseRows {
  const starts = new Int32Array(vectors.length + 1);
  for (const [row, vector] of vectors.entries()) starts[row + 1] = starts[row]! + vector.ids.length;
  const ids = new Int32Array(starts[vectors.length]!);
  const weights = new Float32Array(ids.length);
  for (const [row, vector] of vectors.entries()) {
    ids.set(vector.ids, starts[row]!);
    weights.set(vector.weights, starts[row]!);
  }
  return { starts, ids, weights, width };
}
