import { kmeans } from "ml-kmeans";
import { assignByAuction } from "./clusters/auction.js";
import { greatestAt, nearestCenters, scoreCenters } from "./clusters/center-scores.js";
import { gatherRows, seedCenters } from "./clusters/seed-centers.js";
import { SeededRandom } from "./seeded-random.js";

/** Rounds of C-BTM. */
const defaultRounds = 20;
const defaultRestarts = 3;
/** The start is sought on a sample: k-means++ and a few plain rounds, which the balanced rounds then refine. */
const leastSample = 2_048;
const greatestSample = 8_192;
const sampledPerCluster = 32;
const startRounds = 5;
/** Fewer points than this share that change their cluster in a round end the fit. */
const settledShare = 0.001;

/** Clusters of equal size, found in dense points. */
export interface Clusters {
  /** One a cluster. */
  readonly centers: readonly Float64Array[];
  /** Point → cluster; sizes differ by one at most. */
  readonly assignment: Int32Array;
}

/** How hard to look. */
export interface ClusteringOptions {
  readonly seed: number;
  /** Balanced rounds at most; 20 as in C-BTM if left out. */
  readonly rounds?: number;
  /** Starts tried on a sample, of which the tightest is kept; 3 if left out. */
  readonly restarts?: number;
  /** Told of the share of rounds done, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Balanced k-means of C-BTM (arXiv 2303.14177, section 2.1): in every round an auction gives each cluster its even share
 * of the points, and centres move to the mean of what they got. Where the count does not divide the number of
 * points, the clusters that most points are nearest to take one more. Starts from the best of a few seeded k-means++
 * starts, refined by ml-kmeans.
 *
 * @param points rows of `dimensions` values, at least `count` of them.
 */
export function clusterBalanced(
  points: Float32Array,
  dimensions: number,
  count: number,
  options: ClusteringOptions,
): Clusters {
  const rows = points.length / dimensions;
  const rounds = options.rounds ?? defaultRounds;
  let centers: Float64Array = startingCenters(points, dimensions, count, options);
  let assignment: Int32Array = new Int32Array(rows).fill(-1);
  const scores = new Float32Array(rows * count);
  for (let round = 0; round < rounds; round++) {
    scoreCenters(points, 0, rows, dimensions, centers, scores);
    const next = assignByAuction(scores, evenRoom(scores, count));
    let moved = 0;
    for (let row = 0; row < rows; row++) if (next[row] !== assignment[row]) moved++;
    assignment = next;
    centers = meansOf(points, dimensions, assignment, count);
    options.onProgress?.((round + 1) / rounds);
    if (moved <= rows * settledShare) break;
  }
  return {
    centers: Array.from({ length: count }, (_, cluster) =>
      centers.slice(cluster * dimensions, (cluster + 1) * dimensions),
    ),
    assignment,
  };
}

/** An even share each; what is left over goes to the clusters with most points nearest to them. */
function evenRoom(scores: Float32Array, count: number): Int32Array {
  const rows = scores.length / count;
  const wanted = new Int32Array(count);
  for (let row = 0; row < rows; row++) wanted[greatestAt(scores, row * count, count)]!++;
  const room = new Int32Array(count).fill(Math.floor(rows / count));
  const order = Array.from(room.keys()).sort((a, b) => wanted[b]! - wanted[a]! || a - b);
  for (const cluster of order.slice(0, rows % count)) room[cluster]!++;
  return room;
}

function startingCenters(
  points: Float32Array,
  dimensions: number,
  count: number,
  options: ClusteringOptions,
): Float64Array {
  const random = new SeededRandom(options.seed);
  const order = Int32Array.from({ length: points.length / dimensions }, (_, row) => row);
  random.shuffle(order);
  const size = Math.min(Math.max(leastSample, count * sampledPerCluster), Math.max(greatestSample, count));
  const sample = gatherRows(points, dimensions, order.subarray(0, size));
  const lists = Array.from({ length: sample.length / dimensions }, (_, row) =>
    Array.from(sample.subarray(row * dimensions, (row + 1) * dimensions)),
  );
  let best: Float64Array = new Float64Array(count * dimensions);
  let least = Infinity;
  for (let restart = 0; restart < (options.restarts ?? defaultRestarts); restart++) {
    const initialization = seedCenters(sample, dimensions, count, random).map((row) => lists[row]!);
    const start = kmeans(lists, count, { maxIterations: startRounds, initialization });
    const centers = Float64Array.from(start.centroids.flat());
    const loss = meanSquaredDistance(
      sample,
      dimensions,
      centers,
      nearestCenters(sample, dimensions, centers),
    );
    if (!(loss < least)) continue;
    least = loss;
    best = centers;
  }
  return best;
}

/** Mean of ‖x − c‖² over points and the centres they are assigned to. */
export function meanSquaredDistance(
  points: Float32Array,
  dimensions: number,
  centers: Float64Array,
  assignment: Int32Array,
): number {
  let sum = 0;
  for (const [row, cluster] of assignment.entries()) {
    for (let d = 0; d < dimensions; d++) {
      const gap = points[row * dimensions + d]! - centers[cluster * dimensions + d]!;
      sum += gap * gap;
    }
  }
  return sum / Math.max(1, assignment.length);
}

/** Mean of the points of each cluster, one after another; zeros for a cluster without any. */
function meansOf(
  points: Float32Array,
  dimensions: number,
  assignment: Int32Array,
  count: number,
): Float64Array {
  const sums = new Float64Array(count * dimensions);
  const sizes = new Int32Array(count);
  for (let row = 0; row < assignment.length; row++) {
    const from = row * dimensions;
    const to = assignment[row]! * dimensions;
    sizes[assignment[row]!]!++;
    for (let d = 0; d < dimensions; d++) sums[to + d]! += points[from + d]!;
  }
  for (let cluster = 0; cluster < count; cluster++) {
    const size = Math.max(1, sizes[cluster]!);
    for (let d = 0; d < dimensions; d++) sums[cluster * dimensions + d]! /= size;
  }
  return sums;
}

/** ‖point − center‖². */
export function squaredDistance(point: ArrayLike<number>, center: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < center.length; d++) {
    const gap = point[d]! - center[d]!;
    sum += gap * gap;
  }
  return sum;
}
