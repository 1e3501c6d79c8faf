import { z } from "zod";
import type { Clusters } from "../balanced-clusters.js";
import { judgeClusters } from "./cluster-quality.js";
import { nearestCenters } from "./center-scores.js";
import { leastPromptsPerTerm, topTerms } from "./top-terms.js";

const silhouette = z.number().min(-1).max(1);

/** What a cluster holds. */
export const clusterSummarySchema = z.object({
  cluster: z.int().nonnegative(),
  prompts: z.int().nonnegative().describe("Prompts it was given in training, an even share."),
  nearest: z.int().nonnegative().describe("Training prompts nearest to its centre: what it would get live."),
  labelled: z.int().nonnegative().describe("Its prompts that have a label."),
  label: z.string().nullable().describe("Commonest label of these."),
  purity: z.number().min(0).max(1).nullable().describe("Share of the commonest label among these."),
  distance: z.number().nonnegative().describe("Mean distance of its prompts from its centre, 0 to 2."),
  silhouette: silhouette.describe("Mean simplified silhouette of its prompts."),
  terms: z
    .array(z.string())
    .describe(`Words that mark it most; each stands in ${leastPromptsPerTerm} prompts or more.`),
});
export type ClusterSummary = z.infer<typeof clusterSummarySchema>;

/** All clusters of a router, and how well they divide its training prompts. */
export const clusterReportSchema = z.object({
  count: z.int().positive(),
  smallest: z.int().nonnegative(),
  largest: z.int().nonnegative(),
  silhouette,
  explained_variance: z.number().min(0).max(1),
  purity: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe("Share of labelled prompts whose label is their cluster's."),
  clusters: z.array(clusterSummarySchema),
});
export type ClusterReport = z.infer<typeof clusterReportSchema>;

/**
 * Describes clusters for people.
 *
 * @param points rows of `dimensions` values, the ones clustered.
 * @param texts one a row.
 * @param labels one a row; undefined where there is none.
 */
export function reportClusters(
  points: Float32Array,
  dimensions: number,
  clusters: Clusters,
  texts: readonly string[],
  labels: readonly (string | undefined)[],
): ClusterReport {
  const { centers, assignment } = clusters;
  const quality = judgeClusters(points, dimensions, centers, assignment);
  const nearest = nearestCenters(points, dimensions, Float64Array.from(centers.flatMap((of) => [...of])));
  const terms = topTerms(texts, assignment, centers.length);
  const summaries = centers.map((_, cluster): ClusterSummary => {
    const rows = Int32Array.from(assignment.keys()).filter((row) => assignment[row] === cluster);
    const mean = (values: Float64Array): number =>
      rounded(rows.reduce((sum, row) => sum + values[row]!, 0) / Math.max(1, rows.length));
    const { labelled, label, share } = commonest(Array.from(rows, (row) => labels[row]));
    return {
      cluster,
      prompts: rows.length,
      nearest: nearest.reduce((sum, of) => sum + (of === cluster ? 1 : 0), 0),
      labelled,
      label,
      purity: share,
      distance: mean(quality.distances),
      silhouette: mean(quality.silhouettes),
      terms: terms[cluster]!,
    };
  });
  const sizes = summaries.map((of) => of.prompts);
  const labelled = summaries.reduce((sum, of) => sum + of.labelled, 0);
  return {
    count: centers.length,
    smallest: Math.min(...sizes),
    largest: Math.max(...sizes),
    silhouette: rounded(
      quality.silhouettes.reduce((sum, of) => sum + of, 0) / Math.max(1, assignment.length),
    ),
    explained_variance: rounded(quality.explainedVariance),
    purity:
      labelled === 0
        ? null
        : rounded(summaries.reduce((sum, of) => sum + of.labelled * (of.purity ?? 0), 0) / labelled),
    clusters: summaries,
  };
}

/** The commonest label, of equally common ones the first by name. */
function commonest(labels: readonly (string | undefined)[]): {
  labelled: number;
  label: string | null;
  share: number | null;
} {
  const counts = new Map<string, number>();
  for (const label of labels) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  const labelled = [...counts.values()].reduce((sum, of) => sum + of, 0);
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first === undefined
    ? { labelled, label: null, share: null }
    : { labelled, label: first[0], share: rounded(first[1] / labelled) };
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
