import { SeededRandom } from "./seeded-random.js";
import type { SparseRows } from "./sparse-rows.js";

/** One linear function a class: score_c(x) = Σ weights[id · classes + c] · x[id] + biases[c]. */
export interface LinearModel {
  readonly classes: number;
  readonly weights: Float32Array;
  readonly biases: Float64Array;
}

export interface LinearSvmOptions {
  /** Penalty of an error, liblinear's C. */
  readonly cost: number;
  readonly epochs: number;
  readonly seed: number;
  /** Importance of each row of the matrix, which multiplies `cost`; all 1 by default. */
  readonly rowWeights?: Float64Array | undefined;
  readonly onEpoch?: ((epoch: number) => void) | undefined;
}

/** Value of the constant feature that carries the bias. */
const biasFeature = 1;

/**
 * One-against-rest support vector machines with squared hinge loss, by dual coordinate descent
 * (Hsieh et al., "A Dual Coordinate Descent Method for Large-scale Linear SVM", ICML 2008, algorithm 1,
 * L2-loss). All classes are trained in one sweep over the rows: a row's features are read once for all of them.
 *
 * @param rows indices of the rows to train on.
 */
export function trainLinearSvm(
  matrix: SparseRows,
  labels: Int32Array,
  rows: Int32Array,
  classes: number,
  options: LinearSvmOptions,
): LinearModel {
  const weights = new Float32Array(matrix.width * classes);
  const biases = new Float64Array(classes);
  const alphas = new Float64Array(rows.length * classes);
  const squares = Float64Array.from(rows, (row) => rowSquare(matrix, row) + biasFeature * biasFeature);
  const order = Int32Array.from(rows.keys());
  const random = new SeededRandom(options.seed);
  const diagonals = Float64Array.from(rows, (row) => 0.5 / (options.cost * (options.rowWeights?.[row] ?? 1)));
  const scores = new Float64Array(classes);
  const deltas = new Float64Array(classes);
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    random.shuffle(order);
    for (const at of order) {
      const row = rows[at]!;
      const label = labels[row]!;
      const diagonal = diagonals[at]!;
      const start = matrix.starts[row]!;
      const stop = matrix.starts[row + 1]!;
      for (let c = 0; c < classes; c++) scores[c] = biases[c]! * biasFeature;
      addScores(matrix, start, stop, weights, classes, scores);
      let changed = false;
      for (let c = 0; c < classes; c++) {
        const sign = c === label ? 1 : -1;
        const alpha = alphas[at * classes + c]!;
        const gradient = sign * scores[c]! - 1 + diagonal * alpha;
        const next = Math.max(0, alpha - gradient / (squares[at]! + diagonal));
        const delta = (next - alpha) * sign;
        alphas[at * classes + c] = next;
        deltas[c] = delta;
        biases[c]! += delta * biasFeature;
        if (delta !== 0) changed = true;
      }
      if (!changed) continue;
      for (let index = start; index < stop; index++) {
        const base = matrix.ids[index]! * classes;
        const value = matrix.weights[index]!;
        for (let c = 0; c < classes; c++) weights[base + c]! += deltas[c]! * value;
      }
    }
    options.onEpoch?.(epoch + 1);
  }
  return { classes, weights, biases };
}

/** Scores of one row, one a class, into `scores`. */
export function scoreRow(model: LinearModel, matrix: SparseRows, row: number, scores: Float64Array): void {
  scores.set(model.biases);
  addScores(matrix, matrix.starts[row]!, matrix.starts[row + 1]!, model.weights, model.classes, scores);
}

function addScores(
  matrix: SparseRows,
  start: number,
  stop: number,
  weights: Float32Array,
  classes: number,
  scores: Float64Array,
): void {
  for (let index = start; index < stop; index++) {
    const base = matrix.ids[index]! * classes;
    const value = matrix.weights[index]!;
    for (let c = 0; c < classes; c++) scores[c]! += weights[base + c]! * value;
  }
}

function rowSquare(matrix: SparseRows, row: number): number {
  let square = 0;
  for (let index = matrix.starts[row]!; index < matrix.starts[row + 1]!; index++)
    square += matrix.weights[index]! * matrix.weights[index]!;
  return square;
}
