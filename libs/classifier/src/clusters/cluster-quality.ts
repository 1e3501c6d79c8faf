import { squaredDistance } from "../balanced-clusters.js";

/** How tight and how separate clusters are. */
export interface ClusterQuality {
  /**
   * Simplified silhouette of every point: (b − a) / max(a, b) with a the distance from its own centre and b that from
   * the nearest other one (Hruschka et al., "Evolving clusters in gene-expression data", 2006); −1 to 1. Linear
   * in the number of points, where the silhouette of Rousseeuw is quadratic.
   */
  readonly silhouettes: Float64Array;
  /** Distance of every point from its own centre. */
  readonly distances: Float64Array;
  /** Share of the points' variance that the centres account for; 0 to 1. */
  readonly explainedVariance: number;
}

/** Judges an assignment of points (rows of `dimensions` values) to centres. */
export function judgeClusters(
  points: Float32Array,
  dimensions: number,
  centers: readonly Float64Array[],
  assignment: Int32Array,
): ClusterQuality {
  const silhouettes = new Float64Array(assignment.length);
  const distances = new Float64Array(assignment.length);
  let within = 0;
  for (const [row, own] of assignment.entries()) {
    const point = points.subarray(row * dimensions, (row + 1) * dimensions);
    let other = Infinity;
    let mine = 0;
    for (const [cluster, center] of centers.entries()) {
      const square = squaredDistance(point, center);
      if (cluster === own) mine = square;
      else other = Math.min(other, square);
    }
    within += mine;
    distances[row] = Math.sqrt(mine);
    const [a, b] = [Math.sqrt(mine), Math.sqrt(other)];
    silhouettes[row] = centers.length < 2 || Math.max(a, b) === 0 ? 0 : (b - a) / Math.max(a, b);
  }
  const total = totalSquares(points, dimensions);
  return {
    silhouettes,
    distances,
    explainedVariance: total === 0 ? 0 : Math.max(0, 1 - within / total),
  };
}

/** Σ ‖x − mean‖². */
function totalSquares(points: Float32Array, dimensions: number): number {
  const rows = points.length / dimensions;
  const mean = new Float64Array(dimensions);
  for (let at = 0; at < points.length; at++) mean[at % dimensions]! += points[at]! / rows;
  let sum = 0;
  for (let row = 0; row < rows; row++)
    sum += squaredDistance(points.subarray(row * dimensions, (row + 1) * dimensions), mean);
  return sum;
}
