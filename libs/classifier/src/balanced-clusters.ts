import { kmeans } from "ml-kmeans";

/** No cluster gets more than this times an even share. */
const greatestShare = 1.25;
const kmeansRounds = 20;
const balancingRounds = 5;

export interface Clusters {
  /** One a cluster. */
  readonly centers: readonly Float64Array[];
  /** Point → cluster, no cluster above its cap. */
  readonly assignment: Int32Array;
}

/**
 * k-means (k-means++ start, ml-kmeans), then balanced: in each of a few rounds points choose the nearest centre that
 * has room, those with most to lose first, and centres move to the mean of what they got.
 *
 * @param points rows of `dimensions` values.
 */
export function clusterBalanced(
  points: Float32Array,
  dimensions: number,
  count: number,
  seed: number,
): Clusters {
  const rows = Array.from({ length: points.length / dimensions }, (_, row) =>
    Array.from(points.subarray(row * dimensions, (row + 1) * dimensions)),
  );
  const start = kmeans(rows, count, { seed, maxIterations: kmeansRounds, initialization: "kmeans++" });
  let centers: readonly Float64Array[] = start.centroids.map((center) => Float64Array.from(center));
  let assignment: Int32Array = Int32Array.from(start.clusters);
  const room = Math.ceil((rows.length / count) * greatestShare);
  for (let round = 0; round < balancingRounds; round++) {
    assignment = assignCapped(rows, centers, room);
    centers = meansOf(rows, assignment, centers);
  }
  return { centers, assignment };
}

function assignCapped(rows: readonly number[][], centers: readonly Float64Array[], room: number): Int32Array {
  const distances = rows.map((row) => Float64Array.from(centers, (center) => squaredDistance(row, center)));
  const regrets = Float64Array.from(distances, (of) => {
    const [nearest, second] = of.toSorted();
    return second! - nearest!;
  });
  const order = Array.from(rows.keys()).sort((a, b) => regrets[b]! - regrets[a]! || a - b);
  const sizes = new Int32Array(centers.length);
  const assignment = new Int32Array(rows.length);
  for (const row of order) {
    let best = -1;
    for (let cluster = 0; cluster < centers.length; cluster++) {
      if (sizes[cluster]! < room && (best < 0 || distances[row]![cluster]! < distances[row]![best]!))
        best = cluster;
    }
    assignment[row] = best;
    sizes[best]!++;
  }
  return assignment;
}

function meansOf(
  rows: readonly number[][],
  assignment: Int32Array,
  before: readonly Float64Array[],
): Float64Array[] {
  const sums = before.map((center) => new Float64Array(center.length));
  const sizes = new Int32Array(before.length);
  for (const [row, values] of rows.entries()) {
    const sum = sums[assignment[row]!]!;
    sizes[assignment[row]!]!++;
    for (const [d, value] of values.entries()) sum[d]! += value;
  }
  return sums.map((sum, cluster) =>
    sizes[cluster] === 0 ? before[cluster]! : sum.map((value) => value / sizes[cluster]!),
  );
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
