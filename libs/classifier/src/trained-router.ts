import { z } from "zod";
import { clusterCountSchema } from "./clusters/cluster-count.js";
import { clusterReportSchema } from "./clusters/cluster-report.js";
import { evaluationSchema } from "./evaluation.js";
import type { RouterHead } from "./router-head.js";
import type { Vocabulary } from "./vocabulary.js";

/** Same seed and same examples give the same router, byte for byte. */
export interface TrainingOptions {
  /** A 32-bit unsigned integer. */
  readonly seed: number;
  /** Told of every stage and how much of it is done, 0 to 1. */
  readonly onProgress?: ((stage: string, done: number) => void) | undefined;
}

/** One class of a router: a label or a cluster. */
export const routerClassSchema = z.object({
  name: z
    .string()
    .describe("What a configuration names in `domains`, or the cluster's number in `clusters`."),
  label: z
    .string()
    .nullable()
    .describe("Commonest `domain` of its prompts; used to judge clusters, never to route."),
  prompts: z.int().nonnegative().describe("Prompts trained on."),
});
export type RouterClass = z.infer<typeof routerClassSchema>;

/** What a router said of the prompts it was judged on, for live traffic to be compared with. */
export const trainingReferenceSchema = z.object({
  confidence_histogram: z
    .array(z.int())
    .length(10)
    .describe("Held-out prompts by the probability of the most probable class, in tenths."),
  class_shares: z.array(z.number()).describe("Share of each class among the predictions, in their order."),
});
export type TrainingReference = z.infer<typeof trainingReferenceSchema>;

/** How a router came about and what it reached on prompts it was not trained on. */
export const trainingReportSchema = z.object({
  method: z.enum(["linear-svm", "kmeans"]),
  seed: z.int(),
  prompts: z.int(),
  parameters: z.record(z.string(), z.number()),
  held_out: z
    .object({
      folds: z.int(),
      estimate: z
        .number()
        .optional()
        .describe(
          "Accuracy to expect on prompts from elsewhere: recall of every source left out whole, averaged over the sources of a label, then over the labels.",
        ),
      whole_sources: evaluationSchema.describe("Prompts of which the whole source was left out of training."),
      all: evaluationSchema.describe(
        "Every prompt; those of a label's dominant source were left out row by row only.",
      ),
    })
    .nullable(),
  reference: trainingReferenceSchema.optional(),
  clusters: clusterReportSchema.optional().describe("What each cluster holds; of routers by clusters."),
  cluster_count: clusterCountSchema.optional().describe("How the number of clusters was chosen, if it was."),
});
export type TrainingReport = z.infer<typeof trainingReportSchema>;

/** Everything an artifact is written from. */
export interface TrainedRouter {
  readonly vocabulary: Vocabulary;
  readonly head: RouterHead;
  /** In the order of the head's outputs. */
  readonly classes: readonly RouterClass[];
  readonly training: TrainingReport;
}
