import type { SparseRows } from "./sparse-rows.js";

/** Rounds of conjugate gradient; by then the explained part has stopped growing in its third digit. */
const defaultRounds = 25;

/** Sentences whose vectors are known, as weighted sums of words whose vectors are sought. */
export interface WordVectorProblem {
  /** One row a sentence, one column a word. */
  readonly sentences: SparseRows;
  /** How much each sentence counts, ≥ 0. */
  readonly importance: Float32Array;
  /** `dimensions` values a sentence. */
  readonly targets: Float32Array;
  /** `dimensions` values a word: where the vectors are when nothing speaks against it. */
  readonly prior: Float32Array;
  readonly dimensions: number;
  /** λ ≥ 0: how much the prior counts. */
  readonly penalty: number;
  readonly rounds?: number | undefined;
  /** After every round: the part done, from 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface WordVectorFit {
  /** `dimensions` values a word. */
  readonly vectors: Float32Array;
  /** Factor of the prior that brings its sums nearest to the targets. */
  readonly priorScale: number;
  /** 1 − squared error / squared length of the targets, over the sentences: by the scaled prior, and by the fit. */
  readonly explained: { readonly prior: number; readonly fit: number };
}

/**
 * Ridge regression towards a prior: the V that makes Σ importance_r ‖target_r − sentence_r · V‖² + λ ‖V − s · prior‖²
 * least, s being the best single factor of the prior. Conjugate gradient on the normal equations, every dimension by itself
 * and all of them in one pass over the sentences. The same input gives the same bytes.
 */
export function fitWordVectors(problem: WordVectorProblem): WordVectorFit {
  const { prior, dimensions, penalty, rounds = defaultRounds } = problem;
  const priorScale = bestScale(problem);
  const vectors = prior.map((value) => value * priorScale);
  const explainedByPrior = explainedBy(problem, vectors);
  // The prior is where the search starts, so the penalty has no gradient yet.
  const residual = new Float32Array(vectors.length);
  addTransposed(
    problem,
    residual,
    (row, sum) => {
      const at = row * dimensions;
      for (let column = 0; column < dimensions; column++)
        sum[column] = problem.targets[at + column]! - sum[column]!;
    },
    vectors,
  );
  const direction = residual.slice();
  const image = new Float32Array(vectors.length);
  let squares = columnDots(residual, residual, dimensions);
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < image.length; at++) image[at] = penalty * direction[at]!;
    addTransposed(problem, image, () => undefined, direction);
    const curvature = columnDots(direction, image, dimensions);
    const steps = squares.map((square, column) => (curvature[column]! > 0 ? square / curvature[column]! : 0));
    addScaled(vectors, direction, steps);
    addScaled(
      residual,
      image,
      steps.map((step) => -step),
    );
    const next = columnDots(residual, residual, dimensions);
    const ratios = next.map((square, column) => (squares[column]! > 0 ? square / squares[column]! : 0));
    for (let at = 0; at < direction.length; at += dimensions)
      for (let column = 0; column < dimensions; column++)
        direction[at + column] = residual[at + column]! + ratios[column]! * direction[at + column]!;
    squares = next;
    problem.onProgress?.((round + 1) / rounds);
  }
  return { vectors, priorScale, explained: { prior: explainedByPrior, fit: explainedBy(problem, vectors) } };
}

/** The s that brings s · (sentences · prior) nearest to the targets; 1 where the sums vanish. */
function bestScale(problem: WordVectorProblem): number {
  const { targets, dimensions, importance } = problem;
  let along = 0;
  let square = 0;
  eachSum(problem, problem.prior, (row, sum) => {
    for (let column = 0; column < dimensions; column++) {
      along += importance[row]! * sum[column]! * targets[row * dimensions + column]!;
      square += importance[row]! * sum[column]! * sum[column]!;
    }
  });
  return square > 0 ? along / square : 1;
}

function explainedBy(problem: WordVectorProblem, vectors: Float32Array): number {
  const { targets, dimensions, importance } = problem;
  let error = 0;
  let square = 0;
  eachSum(problem, vectors, (row, sum) => {
    for (let column = 0; column < dimensions; column++) {
      const target = targets[row * dimensions + column]!;
      error += importance[row]! * (target - sum[column]!) ** 2;
      square += importance[row]! * target * target;
    }
  });
  return square > 0 ? 1 - error / square : 0;
}

/** Adds sentencesᵀ · importance · change(sentences · vectors) to `into`. */
function addTransposed(
  problem: WordVectorProblem,
  into: Float32Array,
  change: (row: number, sum: Float64Array) => void,
  vectors: Float32Array,
): void {
  const { sentences, importance, dimensions } = problem;
  eachSum(problem, vectors, (row, sum) => {
    change(row, sum);
    for (let index = sentences.starts[row]!; index < sentences.starts[row + 1]!; index++) {
      const weight = importance[row]! * sentences.weights[index]!;
      const to = sentences.ids[index]! * dimensions;
      for (let column = 0; column < dimensions; column++) into[to + column]! += weight * sum[column]!;
    }
  });
}

/** Calls `use` with every sentence's weighted sum over `vectors`; the buffer is reused. */
function eachSum(
  { sentences, dimensions }: WordVectorProblem,
  vectors: Float32Array,
  use: (row: number, sum: Float64Array) => void,
): void {
  const sum = new Float64Array(dimensions);
  for (let row = 0; row + 1 < sentences.starts.length; row++) {
    sum.fill(0);
    for (let index = sentences.starts[row]!; index < sentences.starts[row + 1]!; index++) {
      const weight = sentences.weights[index]!;
      const from = sentences.ids[index]! * dimensions;
      for (let column = 0; column < dimensions; column++) sum[column]! += weight * vectors[from + column]!;
    }
    use(row, sum);
  }
}

function columnDots(a: Float32Array, b: Float32Array, columns: number): Float64Array {
  const dots = new Float64Array(columns);
  for (let at = 0; at < a.length; at += columns)
    for (let column = 0; column < columns; column++) dots[column]! += a[at + column]! * b[at + column]!;
  return dots;
}

/** Adds factors[column] · more to `to`. */
function addScaled(to: Float32Array, more: Float32Array, factors: Float64Array): void {
  const columns = factors.length;
  for (let at = 0; at < to.length; at += columns)
    for (let column = 0; column < columns; column++)
      to[at + column]! += factors[column]! * more[at + column]!;
}
