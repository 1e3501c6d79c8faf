import { quantize, type QuantizedMatrix } from "../quantized-matrix.js";
import { SeededRandom } from "../seeded-random.js";
import type { SparseVector } from "../sparse-rows.js";
import { leadingSubspace, projectRows } from "../subspace.js";
import { trainingMatrix } from "../training-matrix.js";
import type { Vocabulary } from "../vocabulary.js";
import type { WordVectors } from "../word-vectors.js";
import { toUnitRows } from "./unit-rows.js";

/** Dimensions of C-BTM. */
export const spaceDimensions = 100;
/** Prompts that the directions are sought on; more of them move these little. */
const basisSample = 20_000;

/** Where prompts are points: features and word vectors, projected to the leading directions and brought to unit length. */
export interface PromptSpace {
  readonly dimensions: number;
  /** Rows of `dimensions` values. */
  embed(vectors: readonly SparseVector[]): Float32Array;
  /** One row a feature of the vocabulary; word vectors are folded into one row a word. */
  projection(): readonly QuantizedMatrix[];
}

/** Finds the leading directions of the prompts' features. */
export function findPromptSpace(
  vectors: readonly SparseVector[],
  vocabulary: Vocabulary,
  words: WordVectors | undefined,
  seed: number,
  onProgress?: (done: number) => void,
): PromptSpace {
  const { firstMeaning } = vocabulary;
  const rowsOf = (of: readonly SparseVector[]): ReturnType<typeof trainingMatrix> =>
    trainingMatrix({ vectors: of, firstMeaning, words, embeddingWeight: 1 });
  const order = Int32Array.from(vectors.keys());
  new SeededRandom(seed).shuffle(order);
  const sample = Array.from(order.subarray(0, basisSample), (row) => vectors[row]!);
  const basis = leadingSubspace(rowsOf(sample), spaceDimensions, seed, onProgress);
  return {
    dimensions: spaceDimensions,
    embed: (of) => toUnitRows(projectRows(rowsOf(of), basis, spaceDimensions), spaceDimensions),
    projection: () => {
      const plain = basis.subarray(0, firstMeaning * spaceDimensions);
      const parts = [quantize(plain, spaceDimensions)];
      // On a scale of their own: folded rows are larger, and would leave the others few steps.
      if (words !== undefined)
        parts.push(quantize(words.fold(basis.subarray(plain.length), spaceDimensions), spaceDimensions));
      return parts;
    },
  };
}
