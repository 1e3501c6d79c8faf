import { clusterBalanced, squaredDistance, type Clusters } from "./balanced-clusters.js";
import { classifiedText } from "./conversation.js";
import type { PromptExample } from "./prompt-example.js";
import { RouterError } from "./router-error.js";
import { quantize, type CentroidHead } from "./router-head.js";
import { SeededRandom } from "./seeded-random.js";
import { stackRows, type SparseRows, type SparseVector } from "./sparse-rows.js";
import { leadingSubspace, projectRows } from "./subspace.js";
import { fitTemperature } from "./temperature.js";
import type { RouterClass, TrainedRouter, TrainingOptions } from "./trained-router.js";
import { learnVocabulary } from "./vocabulary.js";

const dimensions = 100;
const minTexts = 3;
const maxFeaturesPerBlock = 20_000;
const promptsPerCluster = 10;
/** Prompts on which the temperature is fitted. */
const temperatureSample = 2_000;

/**
 * Trains a router without labels, the way of C-BTM (arXiv 2303.14177, section 2.1): tf-idf, projection to 100
 * dimensions, unit length, balanced k-means. The features are those of the labelled router, so that digits, marks and
 * scripts without spaces count.
 * @throws RouterError if there are too few prompts for `count` clusters.
 */
export function trainOnClusters(
  examples: readonly PromptExample[],
  count: number,
  options: TrainingOptions,
): TrainedRouter {
  if (examples.length < count * promptsPerCluster) {
    throw new RouterError(
      "training_data_insufficient",
      `${count} clusters need at least ${count * promptsPerCluster} prompts, there are ${examples.length}`,
    );
  }
  options.onProgress?.("features", 0);
  const texts = examples.map((example) => classifiedText(example.text));
  const vocabulary = learnVocabulary(texts, { minTexts, maxFeatures: maxFeaturesPerBlock });
  if (vocabulary.size === 0)
    throw new RouterError("training_data_insufficient", `no feature stands in ${minTexts} prompts`);
  const vectors = texts.map((text) => vocabulary.vectorize(text));
  const matrix = stackRows(vectors, vocabulary.size);
  options.onProgress?.("features", 1);
  const basis = leadingSubspace(matrix, dimensions, options.seed, (done) =>
    options.onProgress?.("projection", done),
  );
  const points = unitRows(projectRows(matrix, basis, dimensions));
  options.onProgress?.("clusters", 0);
  const clusters = clusterBalanced(points, dimensions, count, { seed: options.seed });
  options.onProgress?.("clusters", 1);
  const temperature = temperatureOfHalves(vectors, matrix, basis, clusters, options.seed);
  return {
    vocabulary,
    head: centroidHead(basis, clusters, temperature),
    classes: describeClusters(examples, clusters, count),
    training: {
      method: "kmeans",
      seed: options.seed,
      prompts: examples.length,
      parameters: {
        clusters: count,
        dimensions,
        min_texts: minTexts,
        temperature: Math.round(temperature * 1e6) / 1e6,
      },
      held_out: null,
    },
  };
}

function unitRows(points: Float32Array): Float32Array {
  for (let start = 0; start < points.length; start += dimensions) {
    const row = points.subarray(start, start + dimensions);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let d = 0; d < dimensions; d++) row[d]! /= length;
  }
  return points;
}

/**
 * Without labels nothing says how sure a cluster is, so prompts are split in two: the features at even places say
 * which cluster is right, those at odd places must foretell it. The temperature is the one that makes their
 * probabilities honest. They are cautious ones, since a whole prompt tells more than its half.
 */
function temperatureOfHalves(
  vectors: readonly SparseVector[],
  matrix: SparseRows,
  basis: Float32Array,
  clusters: Clusters,
  seed: number,
): number {
  const rows = Int32Array.from(vectors.keys());
  new SeededRandom(seed).shuffle(rows);
  const sample = Array.from(rows.subarray(0, temperatureSample), (row) => vectors[row]!).filter(
    (vector) => vector.ids.length > 1,
  );
  const half = (parity: number): Float32Array => {
    const kept = sample.map(({ ids, weights }) => ({
      ids: ids.filter((_, at) => at % 2 === parity),
      weights: weights.filter((_, at) => at % 2 === parity),
    }));
    return unitRows(projectRows(stackRows(kept, matrix.width), basis, dimensions));
  };
  const closeness = (points: Float32Array): Float64Array =>
    Float64Array.from({ length: sample.length * clusters.centers.length }, (_, at) => {
      const row = Math.floor(at / clusters.centers.length);
      const center = clusters.centers[at % clusters.centers.length]!;
      return -squaredDistance(points.subarray(row * dimensions, (row + 1) * dimensions), center);
    });
  const size = clusters.centers.length;
  const even = closeness(half(0));
  const truths = sample
    .map((_, row) => even.subarray(row * size, (row + 1) * size))
    .map((scores) => scores.indexOf(Math.max(...scores)));
  return fitTemperature(closeness(half(1)), truths, size);
}

function centroidHead(basis: Float32Array, clusters: Clusters, temperature: number): CentroidHead {
  const count = clusters.centers.length;
  const centers = new Float32Array(dimensions * count);
  const offsets = new Float32Array(count);
  for (const [cluster, center] of clusters.centers.entries()) {
    for (let d = 0; d < dimensions; d++) centers[d * count + cluster] = (2 * center[d]!) / temperature;
    offsets[cluster] = -squaredDistance(new Float64Array(dimensions), center) / temperature;
  }
  return { kind: "centroids", projection: quantize(basis, dimensions), centers, offsets };
}

function describeClusters(
  examples: readonly PromptExample[],
  clusters: Clusters,
  count: number,
): RouterClass[] {
  return Array.from({ length: count }, (_, cluster) => {
    const domains = new Map<string, number>();
    let prompts = 0;
    for (const [row, { domain }] of examples.entries()) {
      if (clusters.assignment[row] !== cluster) continue;
      prompts++;
      if (domain !== undefined) domains.set(domain, (domains.get(domain) ?? 0) + 1);
    }
    const [commonest] = [...domains].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    return { name: String(cluster), label: commonest?.[0] ?? null, prompts };
  });
}
