import { classifiedText } from "./conversation.js";
import { EvaluationTally, type Evaluation } from "./evaluation.js";
import { scoreHeldOut } from "./held-out-scores.js";
import { embeddingWeight, fitLabelModel, labelFeatures, labelMatrix, labelSettings } from "./label-model.js";
import { readLabels } from "./label-reading.js";
import type { LinearModel } from "./linear-svm.js";
import type { PromptExample } from "./prompt-example.js";
import { linearHead } from "./router-head.js";
import { weighRows } from "./row-weights.js";
import { divideBySource, type SourceFolds } from "./source-folds.js";
import { SourceRecalls } from "./source-recalls.js";
import { fitTemperature, softmax } from "./temperature.js";
import type { TrainedRouter, TrainingOptions, TrainingReference } from "./trained-router.js";
import type { TextEmbeddings } from "./training-matrix.js";
import type { WordVectors } from "./word-vectors.js";

const heldOutFolds = 5;
/** Fewer prompts of a label cannot be divided into folds that teach anything. */
const minPromptsPerLabel = 2 * 3;

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
  const features = labelFeatures(texts, words);
  const { vocabulary } = features;
  const matrix = labelMatrix(features, words, embeddings);
  options.onProgress?.("features", 1);
  const folds = divideBySource(truths, sources, heldOutFolds, options.seed);
  const rowWeights = weighRows(truths, sources);
  const data = { matrix, truths, classes: labels.length, rowWeights };
  const train = (rows: Int32Array, stage: string): LinearModel =>
    fitLabelModel(data, rows, {
      seed: options.seed,
      onProgress: (done) => options.onProgress?.(stage, done),
    });
  const scores = scoreHeldOut(data, folds, (rows, fold) =>
    train(rows, `held-out ${fold + 1}/${folds.count}`),
  );
  options.onProgress?.("calibration", 0);
  const judged = Int32Array.from(truths.keys()).filter((row) => folds.folds[row]! >= 0);
  const temperature = fitTemperature(
    rowsOf(scores, judged, labels.length),
    judged.map((row) => truths[row]!),
    labels.length,
  );
  options.onProgress?.("calibration", 1);
  const { heldOut, reference } = reportFolds({ folds, labels, truths, sources, scores, temperature });
  const model = train(Int32Array.from(truths.keys()), "training");
  const counts = labels.map((_, label) => truths.reduce((sum, truth) => sum + (truth === label ? 1 : 0), 0));
  return {
    vocabulary,
    head: linearHead(model, { temperature, firstMeaning: vocabulary.firstMeaning, words, embeddingWeight }),
    classes: labels.map((label, index) => ({ name: label, label, prompts: counts[index]! })),
    training: {
      method: "linear-svm",
      seed: options.seed,
      prompts: examples.length,
      parameters: {
        cost: labelSettings.cost,
        epochs: labelSettings.epochs,
        min_texts: labelSettings.minTexts,
        word_vectors: words?.words.length ?? 0,
        embedding: embeddings?.dimensions ?? 0,
        temperature: Math.round(temperature * 10_000) / 10_000,
      },
      held_out: heldOut,
      reference,
    },
  };
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

function rowsOf(scores: Float64Array, rows: Int32Array, classes: number): Float64Array {
  const chosen = new Float64Array(rows.length * classes);
  for (const [at, row] of rows.entries())
    chosen.set(scores.subarray(row * classes, (row + 1) * classes), at * classes);
  return chosen;
}

/** Figures of the rows whose whole source was held out, and of all rows; and what was predicted for them. */
function reportFolds({ folds, labels, truths, sources, scores, temperature }: HeldOutScores): {
  heldOut: { folds: number; estimate?: number; whole_sources: Evaluation; all: Evaluation };
  reference: TrainingReference;
} {
  const recalls = new SourceRecalls();
  const all = new EvaluationTally(labels);
  const whole = new EvaluationTally(labels);
  const tenths = Array<number>(10).fill(0);
  const predictions = Array<number>(labels.length).fill(0);
  const probabilities = new Float64Array(labels.length);
  let judged = 0;
  for (const [row, truth] of truths.entries()) {
    if (folds.folds[row]! < 0) continue;
    judged++;
    softmax(scores.subarray(row * labels.length, (row + 1) * labels.length), temperature, probabilities);
    const top = Math.max(...probabilities);
    tenths[Math.min(9, Math.floor(top * 10))]!++;
    predictions[probabilities.indexOf(top)]!++;
    all.addDistribution(truth, probabilities, sources[row]);
    if (folds.whole[row] !== 1) continue;
    whole.addDistribution(truth, probabilities, sources[row]);
    recalls.add(truth, sources[row]!, probabilities[truth] === top);
  }
  return {
    heldOut: {
      folds: folds.count,
      ...recalls.estimate(),
      whole_sources: whole.summarize(),
      all: all.summarize(),
    },
    reference: {
      confidence_histogram: tenths,
      class_shares: predictions.map((count) => Math.round((count / judged) * 10_000) / 10_000),
    },
  };
}
