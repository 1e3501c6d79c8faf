/**
 * How the vectors of a text's tokens become one, as sentence-transformers does it
 * (https://www.sbert.net/docs/package_reference/sentence_transformer/models.html, class Pooling).
 */
export const poolings = ["cls", "mean", "max", "mean_sqrt_len", "lasttoken"] as const;
export type Pooling = (typeof poolings)[number];

/** Token vectors of one run, `[rows, width, dimensions]`, row by row. */
export interface TokenVectors {
  readonly data: Float32Array;
  readonly width: number;
  readonly dimensions: number;
}

/** Writes the pooled vector of `row`, whose first `length` tokens count, to `target` (`dimensions` long). */
export function pool(
  kind: Pooling,
  vectors: TokenVectors,
  row: number,
  length: number,
  target: Float32Array,
): void {
  const { data, width, dimensions } = vectors;
  const start = row * width * dimensions;
  if (kind === "cls" || kind === "lasttoken") {
    const at = start + (kind === "cls" ? 0 : length - 1) * dimensions;
    target.set(data.subarray(at, at + dimensions));
    return;
  }
  target.set(data.subarray(start, start + dimensions));
  const end = start + length * dimensions;
  for (let at = start + dimensions; at < end; at += dimensions) {
    if (kind === "max") {
      for (let of = 0; of < dimensions; of++) target[of] = Math.max(target[of]!, data[at + of]!);
    } else {
      for (let of = 0; of < dimensions; of++) target[of]! += data[at + of]!;
    }
  }
  if (kind === "max") return;
  const divisor = kind === "mean" ? length : Math.sqrt(length);
  for (let of = 0; of < dimensions; of++) target[of]! /= divisor;
}

/** Scales `vector` to length 1; a vector of zeros stays. */
export function normalize(vector: Float32Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return;
  const factor = 1 / Math.sqrt(squares);
  for (let of = 0; of < vector.length; of++) vector[of]! *= factor;
}
