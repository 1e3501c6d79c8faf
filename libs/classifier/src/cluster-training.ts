import { clusterBalanced, squaredDistance, type Clusters } from "./balanced-clusters.js";
import {
  chooseClusterCount,
  defaultClusterCounts,
  type ClusterCountChoice,
} from "./clusters/cluster-count.js";
import { reportClusters, type ClusterSummary } from "./clusters/cluster-report.js";
import { mapClustersToLabels, type LabelMapping } from "./clusters/few-label-mapping.js";
import { findPromptPoints, leastTextsPerFeature } from "./clusters/prompt-points.js";
import { spaceDimensions, type PromptSpace } from "./clusters/prompt-space.js";
import { classifiedText } from "./conversation.js";
import type { PromptExample } from "./prompt-example.js";
import { RouterError } from "./router-error.js";
import type { CentroidHead } from "./router-head.js";
import { SeededRandom } from "./seeded-random.js";
import type { SparseVector } from "./sparse-rows.js";
import { fitTemperature } from "./temperature.js";
import type { RouterClass, TrainedRouter, TrainingOptions } from "./trained-router.js";
import type { WordVectors } from "./word-vectors.js";

const promptsPerCluster = 10;
/** Fewer labelled prompts of one label could not be held back in turn to fit the temperature. */
const leastPromptsPerLabel = 3;
/** Prompts on which the temperature of a router without labels is fitted. */
const temperatureSample = 2_000;

/** How many clusters, and what becomes of labels. */
export interface ClusterTrainingOptions extends TrainingOptions {
  /** `auto` measures a few numbers and takes the best. */
  readonly clusters: number | "auto";
  /**
   * What the router's classes are. Left out: `labels` if some prompts have a `domain`, else `clusters`. With
   * `clusters` a `domain` only describes them.
   */
  readonly classes?: "labels" | "clusters" | undefined;
  /** Word vectors for the `meaning` block. */
  readonly words?: WordVectors | undefined;
}

/**
 * Trains a router with few labels or none, after C-BTM (arXiv 2303.14177, section 2.1): features, projection to 100
 * dimensions, unit length, balanced k-means. The features are those of the labelled router, so that digits, marks and
 * scripts without spaces count. Prompts with a `domain` then name the clusters, and the router's classes are their
 * labels; without any, its classes are the clusters by number.
 * @throws RouterError if there are too few prompts for the clusters, only one label, or too few prompts of one.
 */
export function trainOnClusters(
  examples: readonly PromptExample[],
  options: ClusterTrainingOptions,
): TrainedRouter {
  const { seed, onProgress } = options;
  const least = options.clusters === "auto" ? defaultClusterCounts[0] : options.clusters;
  if (examples.length < least * promptsPerCluster) {
    throw new RouterError(
      "training_data_insufficient",
      `${least} clusters need at least ${least * promptsPerCluster} prompts, there are ${examples.length}`,
    );
  }
  const byLabel =
    options.classes ?? (examples.some(({ domain }) => domain !== undefined) ? "labels" : "clusters");
  const labels = byLabel === "labels" ? readFewLabels(examples) : undefined;
  const texts = examples.map((example) => classifiedText(example.text));
  const { vocabulary, vectors, space, points } = findPromptPoints(texts, options);
  const choice = options.clusters === "auto" ? choose(points, examples.length, options) : undefined;
  const count = choice?.picked ?? least;
  const clusters = clusterBalanced(points, spaceDimensions, count, {
    seed,
    onProgress: (done) => onProgress?.("clusters", done),
  });
  const domains = examples.map(({ domain }) => domain);
  const report = reportClusters(points, spaceDimensions, clusters, texts, domains);
  onProgress?.("labels", 0);
  const mapping =
    labels &&
    mapClustersToLabels(points, spaceDimensions, clusters, labels.truths, labels.names.length, seed);
  onProgress?.("labels", 1);
  const temperature = mapping?.temperature ?? temperatureOfHalves(vectors, space, clusters, seed);
  return {
    vocabulary,
    head: mapping === undefined ? centroidHead(space, clusters, temperature) : labelHead(space, mapping),
    classes: labels === undefined ? describeClusters(report.clusters) : describeLabels(labels),
    training: {
      method: "kmeans",
      seed,
      prompts: examples.length,
      parameters: {
        clusters: count,
        dimensions: spaceDimensions,
        min_texts: leastTextsPerFeature,
        temperature: Math.round(temperature * 1e6) / 1e6,
        ...(labels && { labelled: labels.truths.filter((truth) => truth >= 0).length }),
      },
      held_out: null,
      clusters: report,
      ...(choice && { cluster_count: choice }),
    },
  };
}

function choose(
  points: Float32Array,
  prompts: number,
  { seed, onProgress }: ClusterTrainingOptions,
): ClusterCountChoice {
  const able = defaultClusterCounts.filter((count) => count * promptsPerCluster <= prompts);
  return chooseClusterCount(points, spaceDimensions, able, {
    seed,
    onProgress: (done) => onProgress?.("number of clusters", done),
  });
}

interface FewLabels {
  /** In alphabetical order. */
  readonly names: readonly string[];
  /** Prompt → label, −1 for none. */
  readonly truths: Int32Array;
}

function readFewLabels(examples: readonly PromptExample[]): FewLabels {
  const counts = new Map<string, number>();
  for (const { domain } of examples)
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  const names = [...counts.keys()].sort();
  if (names.length < 2) {
    throw new RouterError(
      "training_data_insufficient",
      names.length === 0
        ? "no prompt has a 'domain' to name clusters by"
        : `at least two labels are needed to name clusters, there is only '${names.join()}'`,
    );
  }
  const rare = names.filter((name) => counts.get(name)! < leastPromptsPerLabel);
  if (rare.length > 0) {
    throw new RouterError(
      "training_data_insufficient",
      `at least ${leastPromptsPerLabel} prompts of each label are needed; fewer: ${rare.join(", ")}`,
    );
  }
  const order = new Map(names.map((name, index) => [name, index]));
  return {
    names,
    truths: Int32Array.from(examples, ({ domain }) => (domain === undefined ? -1 : order.get(domain)!)),
  };
}

/**
 * Without labels nothing says how sure a cluster is, so prompts are split in two: the features at even places say
 * which cluster is right, those at odd places must foretell it. The temperature is the one that makes their
 * probabilities honest. They are cautious ones, since a whole prompt tells more than its half.
 */
function temperatureOfHalves(
  vectors: readonly SparseVector[],
  space: PromptSpace,
  { centers }: Clusters,
  seed: number,
): number {
  const rows = Int32Array.from(vectors.keys());
  new SeededRandom(seed).shuffle(rows);
  const sample = Array.from(rows.subarray(0, temperatureSample), (row) => vectors[row]!).filter(
    (vector) => vector.ids.length > 1,
  );
  const closenessOf = (parity: number): Float64Array => {
    const halves = sample.map(({ ids, weights }) => ({
      ids: ids.filter((_, at) => at % 2 === parity),
      weights: weights.filter((_, at) => at % 2 === parity),
    }));
    const points = space.embed(halves);
    return Float64Array.from({ length: sample.length * centers.length }, (_, at) => {
      const start = Math.floor(at / centers.length) * spaceDimensions;
      return -squaredDistance(points.subarray(start, start + spaceDimensions), centers[at % centers.length]!);
    });
  };
  const size = centers.length;
  const even = closenessOf(0);
  const truths = sample
    .map((_, row) => even.subarray(row * size, (row + 1) * size))
    .map((scores) => scores.indexOf(Math.max(...scores)));
  return fitTemperature(closenessOf(1), truths, size);
}

function centroidHead(space: PromptSpace, clusters: Clusters, temperature: number): CentroidHead {
  const count = clusters.centers.length;
  const centers = new Float32Array(spaceDimensions * count);
  const offsets = new Float32Array(count);
  for (const [cluster, center] of clusters.centers.entries()) {
    for (let d = 0; d < spaceDimensions; d++) centers[d * count + cluster] = (2 * center[d]!) / temperature;
    offsets[cluster] = -squaredDistance(new Float64Array(spaceDimensions), center) / temperature;
  }
  return { kind: "centroids", projection: space.projection(), centers, offsets };
}

/** The same graph: scores linear in the unit point, one column a label in place of one a cluster. */
function labelHead(space: PromptSpace, { model, temperature }: LabelMapping): CentroidHead {
  return {
    kind: "centroids",
    projection: space.projection(),
    centers: Float32Array.from(model.weights, (weight) => weight / temperature),
    offsets: Float32Array.from(model.biases, (bias) => bias / temperature),
  };
}

function describeClusters(clusters: readonly ClusterSummary[]): RouterClass[] {
  return clusters.map(({ cluster, label, prompts }) => ({ name: String(cluster), label, prompts }));
}

function describeLabels({ names, truths }: FewLabels): RouterClass[] {
  return names.map((name, label) => ({
    name,
    label: name,
    prompts: truths.reduce((sum, truth) => sum + (truth === label ? 1 : 0), 0),
  }));
}
