import { classifiedText } from "./conversation.js";
import { EvaluationTally, type Evaluation } from "./evaluation.js";
import { readLabels } from "./label-reading.js";
import { scoreRow, trainLinearSvm, type LinearModel } from "./linear-svm.js";
import type { PromptExample } from "./prompt-example.js";
import { linearHead } from "./router-head.js";
import { weighRows } from "./row-weights.js";
import { divideBySource, type SourceFolds } from "./source-folds.js";
import type { SparseRows } from "./sparse-rows.js";
import { fitTemperature, softmax } from "./temperature.js";
import type { TrainedRouter, TrainingOptions, TrainingReference } from "./trained-router.js";
import { trainingMatrix, type TextEmbeddings } from "./training-matrix.js";
import { learnVocabulary } from "./vocabulary.js";
import type { WordVectors } from "./word-vectors.js";

const heldOutFolds = 5;
/** Small on purpose, as the word vectors are to count beside features that could fit the training rows alone. */
const cost = 0.15;
/** Few on purpose: held-out accuracy falls again once the training rows are fitted closely. */
const epochs = 4;
const minTexts = 3;
const maxFeaturesPerBlock = 120_000;
/** Fewer prompts of a label cannot be divided into folds that teach anything. */
const minPromptsPerLabel = 2 * 3;
/** Length of an encoder's embedding beside blocks of length about 1, found by leaving whole sources out. */
const embeddingWeight = 2;

/** What a labelled router may stand on beside the words of its own prompts. */
export interface LabelTrainingOptions extends TrainingOptions {
  /** Word vectors for the `meaning` block. */
  readonly words?: WordVectors | undefined;
  /** Embeddings of the examples' {@link classifiedText}, row by row, by the encoder the router will use. */
  readonly embeddings?: TextEmbeddings | undefined;
}

/**
 * Trains a router that knows the `domain` of prompts: tf-idf features, word vectors, embeddings if there are any, and a
 * linear support vector machine over all of them. Cross-validation over whole sources gives the report and the
 * temperature of the probabilities; the router itself is then trained on every row.
 * @throws RouterError if there are fewer than two labels or too few prompts of one.
 */
export function trainOnLabels(
  examples: readonly PromptExample[],
  options: LabelTrainingOptions,
): TrainedRouter {
  const { words, embeddings } = options;
  const { labels, truths } = readLabels(examples, minPromptsPerLabel);
  const sources = examples.map((example) => example.source);
  const texts = examples.map((example) => classifiedText(example.text));
  options.onProgress?.("features", 0);
  const vocabulary = learnVocabulary(texts, { minTexts, maxFeatures: maxFeaturesPerBlock, known: words });
  const { firstMeaning } = vocabulary;
  const vectors = texts.map((text) => vocabulary.vectorize(text));
  const matrix = trainingMatrix({ vectors, firstMeaning, words, embeddings, embeddingWeight });
  options.onProgress?.("features", 1);
  const folds = divideBySource(truths, sources, heldOutFolds, options.seed);
  const rowWeights = weighRows(truths, sources);
  const train = (rows: Int32Array, stage: string): LinearModel =>
    trainLinearSvm(matrix, truths, rows, labels.length, {
      cost,
      epochs,
      seed: options.seed,
      rowWeights,
      onEpoch: (epoch) => options.onProgress?.(stage, epoch / epochs),
    });
  const scores = new Float64Array(truths.length * labels.length);
  for (let fold = 0; fold < folds.count; fold++) {
    const model = train(
      rowsWhere(folds.folds, (of) => of !== fold),
      `held-out ${fold + 1}/${folds.count}`,
    );
    scoreInto(
      model,
      matrix,
      rowsWhere(folds.folds, (of) => of === fold),
      scores,
    );
  }
  options.onProgress?.("calibration", 0);
  const temperature = fitTemperature(scores, truths, labels.length);
  options.onProgress?.("calibration", 1);
  const { heldOut, reference } = reportFolds({ folds, labels, truths, sources, scores, temperature });
  const model = train(Int32Array.from(truths.keys()), "training");
  const counts = labels.map((_, label) => truths.reduce((sum, truth) => sum + (truth === label ? 1 : 0), 0));
  return {
    vocabulary,
    head: linearHead(model, { temperature, firstMeaning, words, embeddingWeight }),
    classes: labels.map((label, index) => ({ name: label, label, prompts: counts[index]! })),
    training: {
      method: "linear-svm",
      seed: options.seed,
      prompts: examples.length,
      parameters: {
        cost,
        epochs,
        min_texts: minTexts,
        word_vectors: words?.words.length ?? 0,
        embedding: embeddings?.dimensions ?? 0,
        temperature: Math.round(temperature * 10_000) / 10_000,
      },
      held_out: heldOut,
      reference,
    },
  };
}

function rowsWhere(folds: Int32Array, chosen: (fold: number) => boolean): Int32Array {
  return Int32Array.from([...folds.keys()].filter((row) => chosen(folds[row]!)));
}

function scoreInto(model: LinearModel, matrix: SparseRows, rows: Int32Array, scores: Float64Array): void {
  for (const row of rows)
    scoreRow(model, matrix, row, scores.subarray(row * model.classes, (row + 1) * model.classes));
}

interface HeldOutScores {
  readonly folds: SourceFolds;
  readonly labels: readonly string[];
  readonly truths: Int32Array;
  readonly sources: readonly (string | undefined)[];
  /** One row of scores a prompt, by the model that had not seen its fold. */
  readonly scores: Float64Array;
  readonly temperature: number;
}

/** Figures of the rows whose whole source was held out, and of all rows; and what was predicted for them. */
function reportFolds({ folds, labels, truths, sources, scores, temperature }: HeldOutScores): {
  heldOut: { folds: number; whole_sources: Evaluation; all: Evaluation };
  reference: TrainingReference;
} {
  const all = new EvaluationTally(labels);
  const whole = new EvaluationTally(labels);
  const tenths = Array<number>(10).fill(0);
  const predictions = Array<number>(labels.length).fill(0);
  const probabilities = new Float64Array(labels.length);
  for (const [row, truth] of truths.entries()) {
    softmax(scores.subarray(row * labels.length, (row + 1) * labels.length), temperature, probabilities);
    const top = Math.max(...probabilities);
    tenths[Math.min(9, Math.floor(top * 10))]!++;
    predictions[probabilities.indexOf(top)]!++;
    all.addDistribution(truth, probabilities, sources[row]);
    if (folds.whole[row] === 1) whole.addDistribution(truth, probabilities, sources[row]);
  }
  return {
    heldOut: { folds: folds.count, whole_sources: whole.summarize(), all: all.summarize() },
    reference: {
      confidence_histogram: tenths,
      class_shares: predictions.map((count) => Math.round((count / truths.length) * 10_000) / 10_000),
    },
  };
}
