import { z } from "zod";
import { clusterBalanced } from "../balanced-clusters.js";
import { SeededRandom } from "../seeded-random.js";
import { adjustedRandIndex } from "./adjusted-rand.js";
import { nearestCenters } from "./center-scores.js";
import { judgeClusters } from "./cluster-quality.js";
import { gatherRows } from "./seed-centers.js";

/** Numbers of clusters that `--clusters auto` compares. */
export const defaultClusterCounts = [8, 16, 24, 32, 48, 64, 96, 128] as const;

const sampledPoints = 6_000;
/** A cluster of fewer sampled points says nothing of its centre. */
const leastPointsPerCluster = 12;
const rounds = 8;

/** What was measured for each number of clusters, and the pick. */
export const clusterCountSchema = z.object({
  picked: z.int().positive(),
  candidates: z.array(
    z.object({
      clusters: z.int().positive(),
      silhouette: z.number().describe("Mean simplified silhouette of points not clustered, −1 to 1."),
      stability: z
        .number()
        .describe("Adjusted Rand index of points not clustered, between clusters of two halves of the rest."),
      explained_variance: z
        .number()
        .describe("Share of the variance of points not clustered that the nearest centres account for."),
      score: z.number().describe("Mean of the three, each as a share of its range over the candidates."),
    }),
  ),
});
export type ClusterCountChoice = z.infer<typeof clusterCountSchema>;

/**
 * Compares numbers of clusters on a sample. A third of it is clustered twice over (one half each), the rest is judged:
 * how separate its clusters are, whether both halves divide it alike, and how much variance is accounted for.
 * The last only grows with the number of clusters, so what counts is how far it stands above the straight line
 * from the first candidate to the last (the knee of Satopää et al., "Finding a Kneedle in a haystack", 2011). Each figure
 * is brought to 0…1 over the candidates and the greatest mean wins; of equal ones the smaller number.
 *
 * @param points rows of `dimensions` values.
 * @param candidates those with too few points are left out.
 */
export function chooseClusterCount(
  points: Float32Array,
  dimensions: number,
  candidates: readonly number[],
  options: { readonly seed: number; readonly onProgress?: ((done: number) => void) | undefined },
): ClusterCountChoice {
  const order = Int32Array.from({ length: points.length / dimensions }, (_, row) => row);
  new SeededRandom(options.seed).shuffle(order);
  const third = Math.floor(Math.min(order.length, sampledPoints) / 3);
  const part = (at: number): Float32Array =>
    gatherRows(points, dimensions, order.subarray(at * third, (at + 1) * third));
  const [left, right, judged] = [part(0), part(1), part(2)];
  const sorted = [...new Set(candidates)].sort((a, b) => a - b);
  const able = sorted.filter((count) => count * leastPointsPerCluster <= third);
  const counts = able.length > 0 ? able : sorted.slice(0, 1);
  const measured = counts.map((count, at) => {
    const fits = [left, right].map((half) =>
      clusterBalanced(half, dimensions, count, { seed: options.seed, rounds, restarts: 1 }),
    );
    const nearest = fits.map(({ centers }) => nearestCenters(judged, dimensions, flatten(centers)));
    const quality = judgeClusters(judged, dimensions, fits[0]!.centers, nearest[0]!);
    options.onProgress?.((at + 1) / counts.length);
    return {
      clusters: count,
      silhouette: quality.silhouettes.reduce((sum, of) => sum + of, 0) / Math.max(1, third),
      stability: adjustedRandIndex(nearest[0]!, nearest[1]!),
      explained_variance: quality.explainedVariance,
    };
  });
  const scores = scoreCandidates(measured);
  const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
  return {
    picked: counts[scores.indexOf(Math.max(...scores))]!,
    candidates: measured.map((of, at) => ({
      clusters: of.clusters,
      silhouette: rounded(of.silhouette),
      stability: rounded(of.stability),
      explained_variance: rounded(of.explained_variance),
      score: rounded(scores[at]!),
    })),
  };
}

function scoreCandidates(
  measured: readonly {
    clusters: number;
    silhouette: number;
    stability: number;
    explained_variance: number;
  }[],
): number[] {
  const [first, last] = [measured[0]!, measured.at(-1)!];
  const span = last.clusters - first.clusters;
  const knees = measured.map((of) => {
    const along = span === 0 ? 0 : (of.clusters - first.clusters) / span;
    const line = first.explained_variance + along * (last.explained_variance - first.explained_variance);
    return of.explained_variance - line;
  });
  const columns = [measured.map((of) => of.silhouette), measured.map((of) => of.stability), knees].map(
    toShares,
  );
  return measured.map((_, at) => columns.reduce((sum, column) => sum + column[at]! / columns.length, 0));
}

/** Values as shares of their range; zeros if they are all alike. */
function toShares(values: readonly number[]): number[] {
  const least = Math.min(...values);
  const range = Math.max(...values) - least;
  return values.map((value) => (range === 0 ? 0 : (value - least) / range));
}

function flatten(centers: readonly Float64Array[]): Float64Array {
  return Float64Array.from(centers.flatMap((center) => [...center]));
}
