import type { SparseRows, SparseVector } from "./sparse-rows.js";
import type { WordVectors } from "./word-vectors.js";

/** Embeddings of texts by a sentence encoder: one unit row a text. */
export interface TextEmbeddings {
  readonly dimensions: number;
  readonly rows: Float32Array;
}

/** What the rows of a training matrix are made of; columns follow in this order. */
export interface MatrixParts {
  /** Features of the texts; those from `firstMeaning` on stand for `words`. */
  readonly vectors: readonly SparseVector[];
  readonly firstMeaning: number;
  readonly words?: WordVectors | undefined;
  readonly embeddings?: TextEmbeddings | undefined;
  /** Factor of the embeddings: how far they count beside the features. */
  readonly embeddingWeight: number;
}

/**
 * The rows a linear model is trained on: features below `firstMeaning` as they are, then the weighted sum of the word
 * vectors, then the encoder's embedding. Training on the sums and not on the words is what lets a word teach those that
 * mean the same.
 */
export function trainingMatrix(parts: MatrixParts): SparseRows {
  const { vectors, firstMeaning, words, embeddings, embeddingWeight } = parts;
  const meaningColumns = words?.dimensions ?? 0;
  const dense = meaningColumns + (embeddings?.dimensions ?? 0);
  const starts = new Int32Array(vectors.length + 1);
  for (const [row, vector] of vectors.entries()) {
    let plain = 0;
    for (const id of vector.ids) if (id < firstMeaning) plain++;
    starts[row + 1] = starts[row]! + plain + dense;
  }
  const ids = new Int32Array(starts[vectors.length]!);
  const weights = new Float32Array(ids.length);
  const sum = new Float32Array(meaningColumns);
  for (const [row, vector] of vectors.entries()) {
    let at = starts[row]!;
    for (const [index, id] of vector.ids.entries()) {
      if (id >= firstMeaning) continue;
      ids[at] = id;
      weights[at++] = vector.weights[index]!;
    }
    words?.sum(vector, firstMeaning, sum);
    for (let column = 0; column < dense; column++) {
      ids[at] = firstMeaning + column;
      weights[at++] =
        column < meaningColumns
          ? sum[column]!
          : embeddings!.rows[row * embeddings!.dimensions + column - meaningColumns]! * embeddingWeight;
    }
  }
  return { starts, ids, weights, width: firstMeaning + dense };
}
