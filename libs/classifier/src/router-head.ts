import type { LinearModel } from "./linear-svm.js";
import { quantize, type QuantizedMatrix } from "./quantized-matrix.js";
import type { WordVectors } from "./word-vectors.js";

/**
 * Features → class probabilities by one linear function a class: softmax(x · weights + e · dense + biases), x the
 * features and e the encoder's embedding. Temperature included.
 */
export interface LinearHead {
  readonly kind: "linear";
  /** Parts of one matrix, one below the other; each has its own scales. */
  readonly weights: readonly QuantizedMatrix[];
  /** Embedding dimensions × classes; null without an encoder. */
  readonly dense: Float32Array | null;
  readonly biases: Float32Array;
}

/**
 * Features → cluster probabilities: z = x · projection brought to unit length, then
 * softmax(z · centers + offsets), which is p(j | z) ∝ exp(−‖z − c_j‖² / T) of C-BTM (arXiv 2303.14177, section 2.2)
 * with centers = 2c / T and offsets = −‖c‖² / T.
 */
export interface CentroidHead {
  readonly kind: "centroids";
  /** Parts of one matrix, one below the other; each has its own scales. */
  readonly projection: readonly QuantizedMatrix[];
  /** As many rows as the projection has columns, of as many values as there are clusters. */
  readonly centers: Float32Array;
  readonly offsets: Float32Array;
}

/** What stands between features and probabilities. */
export type RouterHead = LinearHead | CentroidHead;

/** How a model trained on a `trainingMatrix` becomes a head. */
export interface LinearHeadParts {
  readonly temperature: number;
  /** Columns of the model up to here are features; those of `words` follow, then those of the encoder. */
  readonly firstMeaning: number;
  readonly words?: WordVectors | undefined;
  /** Factor that the embeddings had in training. */
  readonly embeddingWeight: number;
}

/** The head of a linear model: word vectors are folded into one row a word, the temperature into every weight. */
export function linearHead(model: LinearModel, parts: LinearHeadParts): LinearHead {
  const { temperature, firstMeaning, words, embeddingWeight } = parts;
  const { classes } = model;
  const cooled = model.weights.map((weight) => weight / temperature);
  const plainEnd = firstMeaning * classes;
  const meaningEnd = plainEnd + (words?.dimensions ?? 0) * classes;
  const plain = quantize(cooled.subarray(0, plainEnd), classes);
  const meaning = words && quantize(words.fold(cooled.subarray(plainEnd, meaningEnd), classes), classes);
  const dense = cooled.subarray(meaningEnd).map((weight) => weight * embeddingWeight);
  return {
    kind: "linear",
    weights: meaning === undefined ? [plain] : [plain, meaning],
    dense: dense.length > 0 ? dense : null,
    biases: Float32Array.from(model.biases, (bias) => bias / temperature),
  };
}
