import { RouterError } from "../router-error.js";
import type { SparseVector } from "../sparse-rows.js";
import { learnVocabulary, type Vocabulary } from "../vocabulary.js";
import type { WordVectors } from "../word-vectors.js";
import { findPromptSpace, type PromptSpace } from "./prompt-space.js";

/** Texts that a feature must stand in to be known. */
export const leastTextsPerFeature = 3;
const maxFeaturesPerBlock = 20_000;

/** Texts as points to be clustered, and what new texts become points with. */
export interface PromptPoints {
  readonly vocabulary: Vocabulary;
  readonly vectors: readonly SparseVector[];
  readonly space: PromptSpace;
  /** Unit rows of `space.dimensions` values, one a text. */
  readonly points: Float32Array;
}

/**
 * Learns features and their leading directions from `texts`, and places the texts.
 * @throws RouterError if no feature stands in enough of them.
 */
export function findPromptPoints(
  texts: readonly string[],
  options: {
    readonly seed: number;
    readonly words?: WordVectors | undefined;
    readonly onProgress?: ((stage: string, done: number) => void) | undefined;
  },
): PromptPoints {
  const { seed, words, onProgress } = options;
  onProgress?.("features", 0);
  const vocabulary = learnVocabulary(texts, {
    minTexts: leastTextsPerFeature,
    maxFeatures: maxFeaturesPerBlock,
    known: words,
  });
  if (vocabulary.size === 0) {
    throw new RouterError(
      "training_data_insufficient",
      `no feature stands in ${leastTextsPerFeature} prompts`,
    );
  }
  const vectors = texts.map((text) => vocabulary.vectorize(text));
  onProgress?.("features", 1);
  const space = findPromptSpace(vectors, vocabulary, words, seed, (done) => onProgress?.("projection", done));
  return { vocabulary, vectors, space, points: space.embed(vectors) };
}
