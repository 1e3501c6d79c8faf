import { SeededRandom } from "../seeded-random.js";
import { softmax } from "../temperature.js";

/** Steps of one row each need not be larger: rows have unit length, so the loss bends by 1/2 at most. */
const firstStep = 2;
/** Rows seen before the step is halved, as a share of all steps. */
const halvedAfter = 0.2;

/** Scores linear in a dense row: score[c] = Σ_d x[d] · weights[d · classes + c] + biases[c]. */
export interface DenseLinearModel {
  readonly weights: Float64Array;
  readonly biases: Float64Array;
  readonly classes: number;
}

/** What is learned from. */
export interface SoftExamples {
  /** Rows of `dimensions` values, of length 1. */
  readonly points: Float32Array;
  readonly dimensions: number;
  /** The rows to learn from, as places in `points`. */
  readonly rows: Int32Array;
  /** One probability a class for every place in `rows`. */
  readonly targets: Float32Array;
  readonly classes: number;
  /** Importance of every place in `rows`, 1 on average. */
  readonly importance: Float64Array;
}

/**
 * Multinomial logistic regression on soft targets with L2 penalty: least mean cross-entropy + penalty / 2 · ‖W‖².
 * Stochastic gradient descent in seeded order, the weights averaged over the second half (Polyak and Juditsky,
 * "Acceleration of stochastic approximation by averaging", 1992).
 */
export function fitSoftmaxRegression(
  examples: SoftExamples,
  options: { readonly penalty: number; readonly steps: number; readonly seed: number },
): DenseLinearModel {
  const { points, dimensions, rows, targets, classes, importance } = examples;
  const weights = new Float64Array(dimensions * classes);
  const biases = new Float64Array(classes);
  const averaged = new Float64Array(dimensions * classes);
  const averagedBiases = new Float64Array(classes);
  const scores = new Float64Array(classes);
  const random = new SeededRandom(options.seed);
  const order = Int32Array.from(rows.keys());
  // W = scale · weights, so that the penalty shrinks all of it by one multiplication.
  let scale = 1;
  let counted = 0;
  const every = Math.max(1, Math.floor(options.steps / 400));
  for (let step = 0; step < options.steps; step++) {
    if (step % order.length === 0) random.shuffle(order);
    const at = order[step % order.length]!;
    const base = rows[at]! * dimensions;
    const rate = firstStep / (1 + step / (halvedAfter * options.steps));
    scores.fill(0);
    addProduct(points, base, dimensions, weights, scores);
    for (let c = 0; c < classes; c++) scores[c] = scores[c]! * scale + biases[c]!;
    softmax(scores, 1, scores);
    scale *= 1 - Math.min(0.5, rate * options.penalty);
    const pull = Math.min(1, rate * importance[at]!);
    for (let c = 0; c < classes; c++) {
      scores[c] = pull * (targets[at * classes + c]! - scores[c]!);
      biases[c]! += scores[c]! / dimensions;
      scores[c]! /= scale;
    }
    for (let d = 0; d < dimensions; d++) {
      const x = points[base + d]!;
      for (let c = 0; c < classes; c++) weights[d * classes + c]! += x * scores[c]!;
    }
    if (scale < 1e-6) {
      for (let index = 0; index < weights.length; index++) weights[index]! *= scale;
      scale = 1;
    }
    if (step * 2 < options.steps || step % every !== 0) continue;
    counted++;
    for (let index = 0; index < weights.length; index++) averaged[index]! += weights[index]! * scale;
    for (let c = 0; c < classes; c++) averagedBiases[c]! += biases[c]!;
  }
  return {
    weights: averaged.map((sum) => sum / counted),
    biases: averagedBiases.map((sum) => sum / counted),
    classes,
  };
}

/** Writes the scores of the row that starts at `base` over `scores`. */
export function scoreDense(
  model: DenseLinearModel,
  points: Float32Array,
  base: number,
  scores: Float64Array,
): void {
  scores.set(model.biases);
  addProduct(points, base, model.weights.length / model.classes, model.weights, scores);
}

function addProduct(
  points: Float32Array,
  base: number,
  dimensions: number,
  weights: Float64Array,
  scores: Float64Array,
): void {
  const classes = scores.length;
  for (let d = 0; d < dimensions; d++) {
    const x = points[base + d]!;
    for (let c = 0; c < classes; c++) scores[c]! += x * weights[d * classes + c]!;
  }
}
