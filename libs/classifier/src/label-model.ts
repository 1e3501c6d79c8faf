/** The labelled router's features and linear model, for training on all rows and for training on some of them. */
import { trainLinearSvm, type LinearModel } from "./linear-svm.js";
import type { SparseRows, SparseVector } from "./sparse-rows.js";
import { trainingMatrix, type TextEmbeddings } from "./training-matrix.js";
import { learnVocabulary, type Vocabulary } from "./vocabulary.js";
import type { WordVectors } from "./word-vectors.js";

/** What a labelled router is trained with. */
export const labelSettings = {
  /** Small on purpose, as the word vectors are to count beside features that could fit the training rows alone. */
  cost: 0.15,
  /** Few on purpose: held-out accuracy falls again once the training rows are fitted closely. */
  epochs: 4,
  minTexts: 3,
  maxFeaturesPerBlock: 120_000,
} as const;

/** Length of an encoder's embedding beside blocks of length about 1, found by leaving whole sources out. */
export const embeddingWeight = 2;

/** Texts as features. */
export interface LabelFeatures {
  readonly vocabulary: Vocabulary;
  /** One a text. */
  readonly vectors: readonly SparseVector[];
}

/**
 * Learns the vocabulary and turns every text into features.
 * @param learnFrom texts that the vocabulary is learned from; all by default.
 */
export function labelFeatures(
  texts: readonly string[],
  words: WordVectors | undefined,
  learnFrom: readonly string[] = texts,
): LabelFeatures {
  const { minTexts, maxFeaturesPerBlock } = labelSettings;
  const vocabulary = learnVocabulary(learnFrom, { minTexts, maxFeatures: maxFeaturesPerBlock, known: words });
  return { vocabulary, vectors: texts.map((text) => vocabulary.vectorize(text)) };
}

/** The rows that a linear model is trained on. Without `words` they hold no meaning, whatever the features know. */
export function labelMatrix(
  { vocabulary, vectors }: LabelFeatures,
  words: WordVectors | undefined,
  embeddings: TextEmbeddings | undefined,
): SparseRows {
  return trainingMatrix({
    vectors,
    firstMeaning: vocabulary.firstMeaning,
    words,
    embeddings,
    embeddingWeight,
  });
}

/** Rows with their labels. */
export interface LabelledMatrix {
  readonly matrix: SparseRows;
  /** Row → index of its label. */
  readonly truths: Int32Array;
  /** Number of labels. */
  readonly classes: number;
  /** Importance of each row of the matrix; all 1 by default. */
  readonly rowWeights?: Float64Array | undefined;
}

/** Trains the linear model of a labelled router on `rows`. */
export function fitLabelModel(
  { matrix, truths, classes, rowWeights }: LabelledMatrix,
  rows: Int32Array,
  options: {
    readonly seed: number;
    /** That of {@link labelSettings} by default. */
    readonly cost?: number | undefined;
    readonly onProgress?: ((done: number) => void) | undefined;
  },
): LinearModel {
  const { cost, epochs } = labelSettings;
  return trainLinearSvm(matrix, truths, rows, classes, {
    cost: options.cost ?? cost,
    epochs,
    seed: options.seed,
    rowWeights,
    onEpoch: (epoch) => options.onProgress?.(epoch / epochs),
  });
}
