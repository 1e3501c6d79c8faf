import { squaredDistance, type Clusters } from "../balanced-clusters.js";
import { exactExp, exactLog } from "../exact-math.js";
import { SeededRandom } from "../seeded-random.js";
import { fitTemperature, softmax } from "../temperature.js";
import { greatestAt } from "./center-scores.js";
import {
  fitSoftmaxRegression,
  scoreDense,
  type DenseLinearModel,
  type SoftExamples,
} from "./softmax-regression.js";

/** How far a cluster's labels count beside what the row itself looks like; of 1. */
const clusterShare = 0.5;
/** Labelled rows that a cluster's prior is worth. */
const priorRows = 2;
/** T of p(j | x): a row counts for its own cluster and a little for the neighbours. */
const membershipTemperature = 0.05;
const labelledPenalty = 3e-4;
const labelledSteps = 30_000;
const spreadPenalty = 4e-5;
const spreadPasses = 6;
/** Share of the final fit that the labelled rows make up together. */
const labelledShare = 1 / 3;
const calibrationFolds = 3;

/** How clusters and a few labels make a router of labels. */
export interface LabelMapping {
  /** Scores of labels, linear in a point; softmax(scores / temperature) are the probabilities. */
  readonly model: DenseLinearModel;
  readonly temperature: number;
  /** p(label | cluster): clusters × labels. */
  readonly labelsOfClusters: Float64Array;
}

/**
 * Names clusters by a few labelled rows, and lets the clusters teach the rest.
 *
 * 1. A softmax regression q(label | x) on the labelled rows.
 * 2. p(label | j) = (Σ_i p(j | x_i) [label_i = label] + α · mean of q over cluster j) / (Σ_i p(j | x_i) + α),
 *    with i the labelled rows, p(j | x) ∝ exp(−‖x − c_j‖² / T) and α = 2: counts where there are labels, what
 *    the cluster looks like where there are few.
 * 3. Every row without a label gets the target q(label | x)^½ · (Σ_j p(j | x) p(label | j))^½, normalised.
 * 4. A softmax regression on all rows: labelled ones with their labels, the others with their targets and the
 *    square of their greatest probability as weight. This is the router.
 *
 * The temperature is fitted on labelled rows held back from all four steps, a third at a time.
 *
 * @param points unit rows of `dimensions` values, the ones clustered.
 * @param truths row → label, −1 for none; every label has rows.
 * @param labels number of labels.
 */
export function mapClustersToLabels(
  points: Float32Array,
  dimensions: number,
  clusters: Clusters,
  truths: Int32Array,
  labels: number,
  seed: number,
): LabelMapping {
  const space = { points, dimensions, classes: labels };
  const members = memberships(points, dimensions, clusters.centers);
  const learn = (known: Int32Array, rows: Int32Array): Omit<LabelMapping, "temperature"> => {
    const labelled = rows.filter((row) => known[row]! >= 0);
    const looks = probabilities(fitLabelled(space, labelled, known, seed), points, dimensions);
    const labelsOfClusters = countLabels(members, clusters, known, looks, labels);
    const examples = spreadLabels(space, rows, known, looks, members, labelsOfClusters);
    const model = fitSoftmaxRegression(examples, {
      penalty: spreadPenalty,
      steps: spreadPasses * rows.length,
      seed,
    });
    return { model, labelsOfClusters };
  };
  const rows = Int32Array.from(truths.keys());
  return { ...learn(truths, rows), temperature: calibrate(space, truths, seed, learn) };
}

/** The rows and targets of step 4. */
function spreadLabels(
  space: Space,
  rows: Int32Array,
  known: Int32Array,
  looks: Float64Array,
  members: Float64Array,
  labelsOfClusters: Float64Array,
): SoftExamples {
  const labels = space.classes;
  const cells = labelsOfClusters.length / labels;
  const counts = new Float64Array(labels);
  for (const row of rows) if (known[row]! >= 0) counts[known[row]!]!++;
  const present = counts.filter((count) => count > 0).length;
  const perLabel = (labelledShare * rows.length) / present;
  const targets = new Float32Array(rows.length * labels);
  const importance = new Float64Array(rows.length);
  for (const [at, row] of rows.entries()) {
    const target = targets.subarray(at * labels, (at + 1) * labels);
    if (known[row]! >= 0) {
      target[known[row]!] = 1;
      importance[at] = perLabel / counts[known[row]!]!;
      continue;
    }
    let sum = 0;
    for (let c = 0; c < labels; c++) {
      let mapped = 0;
      for (let j = 0; j < cells; j++) mapped += members[row * cells + j]! * labelsOfClusters[j * labels + c]!;
      target[c] = exactExp(
        (1 - clusterShare) * exactLog(looks[row * labels + c]! + 1e-9) +
          clusterShare * exactLog(mapped + 1e-9),
      );
      sum += target[c]!;
    }
    for (let c = 0; c < labels; c++) target[c]! /= sum;
    const confidence = target[greatestAt(target, 0, labels)]!;
    importance[at] = (1 - labelledShare) * confidence * confidence;
  }
  scaleToMeanOne(importance);
  return { ...space, rows, targets, importance };
}

type Space = Pick<SoftExamples, "points" | "dimensions" | "classes">;

/** Every label counts the same, however many rows it has. */
function fitLabelled(space: Space, rows: Int32Array, truths: Int32Array, seed: number): DenseLinearModel {
  const { classes } = space;
  const targets = new Float32Array(rows.length * classes);
  const counts = new Float64Array(classes);
  for (const [at, row] of rows.entries()) {
    targets[at * classes + truths[row]!] = 1;
    counts[truths[row]!]!++;
  }
  const importance = Float64Array.from(rows, (row) => 1 / counts[truths[row]!]!);
  scaleToMeanOne(importance);
  return fitSoftmaxRegression(
    { ...space, rows, targets, importance },
    { penalty: labelledPenalty, steps: Math.max(labelledSteps, 3 * rows.length), seed },
  );
}

function scaleToMeanOne(values: Float64Array): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  for (let at = 0; at < values.length; at++) values[at]! /= mean;
}

/** Probabilities of every point. */
function probabilities(model: DenseLinearModel, points: Float32Array, dimensions: number): Float64Array {
  const out = new Float64Array((points.length / dimensions) * model.classes);
  for (let start = 0; start < out.length; start += model.classes) {
    const scores = out.subarray(start, start + model.classes);
    scoreDense(model, points, (start / model.classes) * dimensions, scores);
    softmax(scores, 1, scores);
  }
  return out;
}

/** p(j | x) of every row. */
function memberships(
  points: Float32Array,
  dimensions: number,
  centers: readonly Float64Array[],
): Float64Array {
  const rows = points.length / dimensions;
  const out = new Float64Array(rows * centers.length);
  for (let row = 0; row < rows; row++) {
    const of = out.subarray(row * centers.length, (row + 1) * centers.length);
    const point = points.subarray(row * dimensions, (row + 1) * dimensions);
    for (const [cluster, center] of centers.entries()) of[cluster] = -squaredDistance(point, center);
    softmax(of, membershipTemperature, of);
  }
  return out;
}

function countLabels(
  members: Float64Array,
  { centers, assignment }: Clusters,
  truths: Int32Array,
  looks: Float64Array,
  labels: number,
): Float64Array {
  const cells = centers.length;
  const prior = new Float64Array(cells * labels);
  const sizes = new Float64Array(cells);
  const counts = new Float64Array(cells * labels);
  const seen = new Float64Array(cells);
  for (const [row, truth] of truths.entries()) {
    const own = assignment[row]!;
    sizes[own]!++;
    for (let c = 0; c < labels; c++) prior[own * labels + c]! += looks[row * labels + c]!;
    if (truth < 0) continue;
    for (let j = 0; j < cells; j++) {
      counts[j * labels + truth]! += members[row * cells + j]!;
      seen[j]! += members[row * cells + j]!;
    }
  }
  return counts.map((count, at) => {
    const cluster = Math.floor(at / labels);
    const expected = sizes[cluster] === 0 ? 1 / labels : prior[at]! / sizes[cluster]!;
    return (count + priorRows * expected) / (seen[cluster]! + priorRows);
  });
}

/** Fits T on labelled rows, each scored by a router that learned without it and the others of its fold. */
function calibrate(
  space: Space,
  truths: Int32Array,
  seed: number,
  learn: (known: Int32Array, rows: Int32Array) => Pick<LabelMapping, "model">,
): number {
  const order = Int32Array.from(truths.keys()).filter((row) => truths[row]! >= 0);
  new SeededRandom(seed).shuffle(order);
  const scores = new Float64Array(order.length * space.classes);
  const foldOf = new Int32Array(truths.length).fill(-1);
  for (const [at, row] of order.entries()) foldOf[row] = at % calibrationFolds;
  for (let fold = 0; fold < calibrationFolds; fold++) {
    const kept = Int32Array.from(truths.keys()).filter((row) => foldOf[row] !== fold);
    const { model } = learn(
      truths.map((truth, row) => (foldOf[row] === fold ? -1 : truth)),
      kept,
    );
    for (const [at, row] of order.entries()) {
      if (foldOf[row] !== fold) continue;
      const of = scores.subarray(at * space.classes, (at + 1) * space.classes);
      scoreDense(model, space.points, row * space.dimensions, of);
    }
  }
  return fitTemperature(
    scores,
    order.map((row) => truths[row]!),
    space.classes,
  );
}
