import { clusterBalanced, squaredDistance } from "../balanced-clusters.js";
import { exactLog } from "../exact-math.js";
import { stackRows, type SparseRows, type SparseVector } from "../sparse-rows.js";
import { leadingSubspace, projectRows } from "../subspace.js";
import { fitTemperature, softmax } from "../temperature.js";
import { greatestAt } from "./center-scores.js";
import { englishStopWords } from "./english-stop-words.js";
import { lowerCaseWords } from "./lower-case-words.js";
import { gatherRows } from "./seed-centers.js";
import { toUnitRows } from "./unit-rows.js";

const dimensions = 100;
const rounds = 20;
/** Beyond this the rarest words are left out, for memory alone. */
const greatestVocabulary = 100_000;
/** Every tenth prompt is kept back from clustering, to fit the temperature. */
const heldBackEvery = 10;

/** Predictions of the paper's method. */
export interface PaperBaseline {
  /** Index into `labels` of the majority label of the most probable cluster, and p(cluster | text). */
  predict(texts: readonly string[]): { readonly label: number; readonly probability: number }[];
  /** Distinct labels, sorted. */
  readonly labels: readonly string[];
  /** T of p(j | x) ∝ exp(−‖x − c_j‖² / T). */
  readonly temperature: number;
}

/**
 * The method of C-BTM (arXiv 2303.14177, section 2.1) for comparison: lower-case words of two or more letters without English stop
 * words, smoothed tf-idf, unit rows, truncated SVD to 100 dimensions, unit rows, balanced k-means, and
 * p(j | x) ∝ exp(−‖x − c_j‖² / T). Clusters carry their majority label.
 *
 * T is fitted on a tenth of the prompts, which are kept back from clustering. Right is, for each, the nearest cluster whose
 * majority is the prompt's label. T does not move the prediction.
 *
 * @param labels one a text.
 */
export function trainPaperBaseline(
  texts: readonly string[],
  labels: readonly string[],
  clusters: number,
  seed = 1,
): PaperBaseline {
  return clusterPaperSpace(findPaperSpace(texts, seed), labels, clusters, seed);
}

/** Where the paper's method places texts: what several numbers of clusters have in common. */
export interface PaperSpace {
  /** Unit rows of the texts it was found on. */
  readonly points: Float32Array;
  /** Unit rows of other texts. */
  place(texts: readonly string[]): Float32Array;
}

/** The first half of {@link trainPaperBaseline}: words, tf-idf, truncated SVD. */
export function findPaperSpace(texts: readonly string[], seed = 1): PaperSpace {
  const vectorizer = learnWords(texts);
  const matrixOf = (of: readonly string[]): SparseRows =>
    stackRows(
      of.map((text) => vectorizer.vectorize(text)),
      vectorizer.width,
    );
  const matrix = matrixOf(texts);
  const basis = leadingSubspace(matrix, dimensions, seed);
  const unitRows = (of: SparseRows): Float32Array =>
    toUnitRows(projectRows(of, basis, dimensions), dimensions);
  return { points: unitRows(matrix), place: (of) => unitRows(matrixOf(of)) };
}

/**
 * The second half of {@link trainPaperBaseline}: clusters, their labels, the temperature.
 * @param labels one a point of the space.
 */
export function clusterPaperSpace(
  space: PaperSpace,
  labels: readonly string[],
  clusters: number,
  seed = 1,
): PaperBaseline {
  const { points } = space;
  const names = [...new Set(labels)].sort();
  const truths = Int32Array.from(labels, (label) => names.indexOf(label));
  const held = Int32Array.from(truths.keys()).filter((row) => row % heldBackEvery === heldBackEvery - 1);
  const fitted = Int32Array.from(truths.keys()).filter((row) => row % heldBackEvery !== heldBackEvery - 1);
  const { centers, assignment } = clusterBalanced(
    gatherRows(points, dimensions, fitted),
    dimensions,
    clusters,
    {
      seed,
      rounds,
    },
  );
  const majority = majorityLabels(
    fitted.map((row) => truths[row]!),
    assignment,
    clusters,
    names.length,
  );
  const scoresOf = (rows: Float32Array): Float64Array =>
    Float64Array.from({ length: (rows.length / dimensions) * clusters }, (_, at) => {
      const start = Math.floor(at / clusters) * dimensions;
      return -squaredDistance(rows.subarray(start, start + dimensions), centers[at % clusters]!);
    });
  const temperature = temperatureOf(points, held, truths, majority, scoresOf);
  return {
    labels: names,
    temperature,
    predict: (asked) => {
      const scores = scoresOf(space.place(asked));
      const probabilities = new Float64Array(clusters);
      return asked.map((_, row) => {
        softmax(scores.subarray(row * clusters, (row + 1) * clusters), temperature, probabilities);
        const nearest = greatestAt(probabilities, 0, clusters);
        return { label: majority[nearest]!, probability: probabilities[nearest]! };
      });
    },
  };
}

function temperatureOf(
  points: Float32Array,
  held: Int32Array,
  truths: Int32Array,
  majority: Int32Array,
  scoresOf: (rows: Float32Array) => Float64Array,
): number {
  const clusters = majority.length;
  const kept = held.filter((row) => majority.includes(truths[row]!));
  const scores = new Float64Array(kept.length * clusters);
  const nearest = Array.from(kept, (row, at) => {
    const of = scoresOf(points.subarray(row * dimensions, (row + 1) * dimensions));
    scores.set(of, at * clusters);
    let best = -1;
    for (const [cluster, label] of majority.entries())
      if (label === truths[row] && (best < 0 || of[cluster]! > of[best]!)) best = cluster;
    return best;
  });
  return nearest.length === 0 ? 1 : fitTemperature(scores, nearest, clusters);
}

function majorityLabels(
  truths: Int32Array,
  assignment: Int32Array,
  clusters: number,
  labels: number,
): Int32Array {
  const counts = new Int32Array(clusters * labels);
  for (const [row, cluster] of assignment.entries()) counts[cluster * labels + truths[row]!]!++;
  return Int32Array.from({ length: clusters }, (_, cluster) => greatestAt(counts, cluster * labels, labels));
}

/** tf-idf as scikit-learn's TfidfVectorizer has it: tf · (ln((1 + n) / (1 + df)) + 1), unit rows. */
function learnWords(texts: readonly string[]): {
  readonly width: number;
  vectorize(text: string): SparseVector;
} {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  const kept = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, greatestVocabulary);
  const ids = new Map(kept.map(([word], id) => [word, id]));
  const idf = Float64Array.from(kept, ([, count]) => exactLog((1 + texts.length) / (1 + count)) + 1);
  return {
    width: kept.length,
    vectorize: (text) => {
      const frequencies = new Map<number, number>();
      for (const word of wordsOf(text)) {
        const id = ids.get(word);
        if (id !== undefined) frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
      }
      const weights = Float64Array.from(frequencies, ([id, count]) => count * idf[id]!);
      const length = Math.sqrt(weights.reduce((sum, weight) => sum + weight * weight, 0));
      return {
        ids: Int32Array.from(frequencies.keys()),
        weights: Float32Array.from(weights, (weight) => weight / length),
      };
    },
  };
}

function wordsOf(text: string): string[] {
  return lowerCaseWords(text).filter((word) => !englishStopWords.has(word));
}
