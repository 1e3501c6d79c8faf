import { classifiedText } from "./conversation.js";
import { EvaluationTally, type Evaluation } from "./evaluation.js";
import { scoreRow, trainLinearSvm, type LinearModel } from "./linear-svm.js";
import type { PromptExample } from "./prompt-example.js";
import { quantize, type LinearHead } from "./router-head.js";
import { RouterError } from "./router-error.js";
import { divideBySource, type SourceFolds } from "./source-folds.js";
import { stackRows, type SparseRows } from "./sparse-rows.js";
import { fitTemperature, softmax } from "./temperature.js";
import type { TrainedRouter, TrainingOptions } from "./trained-router.js";
import { learnVocabulary } from "./vocabulary.js";

const heldOutFolds = 3;
const cost = 1;
/** Few on purpose: held-out accuracy falls again once the training rows are fitted closely. */
const epochs = 4;
const minTexts = 3;
const maxFeaturesPerBlock = 120_000;
/** Fewer prompts of a label cannot be divided into folds that teach anything. */
const minPromptsPerLabel = 2 * heldOutFolds;

/**
 * Trains a router that knows the `domain` of prompts: tf-idf features and a linear support vector machine.
 * Cross-validation over whole sources gives the report and the temperature of the probabilities; the router
 * itself is then trained on every row.
 * @throws RouterError if there are fewer than two labels or too few prompts of one.
 */
export function trainOnLabels(examples: readonly PromptExample[], options: TrainingOptions): TrainedRouter {
  const { labels, truths } = readLabels(examples);
  const texts = examples.map((example) => classifiedText(example.text));
  options.onProgress?.("features", 0);
  const vocabulary = learnVocabulary(texts, { minTexts, maxFeatures: maxFeaturesPerBlock });
  const matrix = stackRows(
    texts.map((text) => vocabulary.vectorize(text)),
    vocabulary.size,
  );
  options.onProgress?.("features", 1);
  const folds = divideBySource(
    truths,
    examples.map((example) => example.source),
    heldOutFolds,
    options.seed,
  );
  const train = (rows: Int32Array, stage: string): LinearModel =>
    trainLinearSvm(matrix, truths, rows, labels.length, {
      cost,
      epochs,
      seed: options.seed,
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
  const model = train(Int32Array.from(truths.keys()), "training");
  const counts = labels.map((_, label) => truths.reduce((sum, truth) => sum + (truth === label ? 1 : 0), 0));
  return {
    vocabulary,
    head: linearHead(model, temperature),
    classes: labels.map((label, index) => ({ name: label, label, prompts: counts[index]! })),
    training: {
      method: "linear-svm",
      seed: options.seed,
      prompts: examples.length,
      parameters: {
        cost,
        epochs,
        min_texts: minTexts,
        temperature: Math.round(temperature * 10_000) / 10_000,
      },
      held_out: reportFolds(folds, labels, truths, scores, temperature),
    },
  };
}

function readLabels(examples: readonly PromptExample[]): { labels: string[]; truths: Int32Array } {
  const counts = new Map<string, number>();
  for (const { domain } of examples) {
    if (domain === undefined)
      throw new RouterError("training_data_invalid", "a prompt has no 'domain' to learn");
    counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  const labels = [...counts.keys()].sort();
  if (labels.length < 2)
    throw new RouterError(
      "training_data_insufficient",
      `at least two labels are needed, there is only '${labels.join()}'`,
    );
  const rare = labels.filter((label) => counts.get(label)! < minPromptsPerLabel);
  if (rare.length > 0) {
    throw new RouterError(
      "training_data_insufficient",
      `at least ${minPromptsPerLabel} prompts of each label are needed; fewer: ${rare.join(", ")}`,
    );
  }
  const order = new Map(labels.map((label, index) => [label, index]));
  return { labels, truths: Int32Array.from(examples, (example) => order.get(example.domain!)!) };
}

function rowsWhere(folds: Int32Array, chosen: (fold: number) => boolean): Int32Array {
  return Int32Array.from([...folds.keys()].filter((row) => chosen(folds[row]!)));
}

function scoreInto(model: LinearModel, matrix: SparseRows, rows: Int32Array, scores: Float64Array): void {
  for (const row of rows)
    scoreRow(model, matrix, row, scores.subarray(row * model.classes, (row + 1) * model.classes));
}

function linearHead(model: LinearModel, temperature: number): LinearHead {
  return {
    kind: "linear",
    weights: quantize(
      model.weights.map((weight) => weight / temperature),
      model.classes,
    ),
    biases: Float32Array.from(model.biases, (bias) => bias / temperature),
  };
}

/** Figures of the rows whose whole source was held out, and of all rows. */
function reportFolds(
  folds: SourceFolds,
  labels: readonly string[],
  truths: Int32Array,
  scores: Float64Array,
  temperature: number,
): { folds: number; whole_sources: Evaluation; all: Evaluation } {
  const all = new EvaluationTally(labels);
  const whole = new EvaluationTally(labels);
  const probabilities = new Float64Array(labels.length);
  for (const [row, truth] of truths.entries()) {
    softmax(scores.subarray(row * labels.length, (row + 1) * labels.length), temperature, probabilities);
    const top = Math.max(...probabilities);
    const predicted = probabilities.indexOf(top);
    all.add(truth, predicted, top);
    if (folds.whole[row] === 1) whole.add(truth, predicted, top);
  }
  return { folds: folds.count, whole_sources: whole.summarize(), all: all.summarize() };
}
