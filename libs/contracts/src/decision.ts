import { z } from "zod";

/** Why an expert was chosen. */
export const decisionReasonSchema = z
  .enum(["best-match", "below-threshold", "no-text", "pinned", "single-expert"])
  .describe(
    "best-match: the classifier's first choice. below-threshold: too uncertain, so the generalist. " +
      "no-text: nothing to classify, so the generalist. pinned: the request named the expert. " +
      "single-expert: nothing to choose between.",
  );
export type DecisionReason = z.infer<typeof decisionReasonSchema>;

/** One expert the prompt could go to. */
export const candidateSchema = z.object({
  expert: z.string(),
  probability: z.number().min(0).max(1),
  queue_wait_s: z
    .number()
    .nonnegative()
    .nullable()
    .describe("Estimated wait; null while no worker has been measured."),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** The answer of `POST /v1/route`. */
export const routeDecisionSchema = z.object({
  expert: z.string(),
  cluster: z
    .string()
    .nullable()
    .describe("The label or cluster of the artifact that won; null when none was asked."),
  confidence: z.number().min(0).max(1),
  candidates: z.array(candidateSchema).describe("All experts, most probable first."),
  reason: decisionReasonSchema,
  router_version: z.string().nullable(),
});
export type RouteDecision = z.infer<typeof routeDecisionSchema>;

/** What is kept of a decision with the request. */
export interface DecisionRecord {
  readonly expert: string;
  readonly cluster: string | null;
  readonly confidence: number;
  readonly reason: DecisionReason;
  readonly routerVersion: string | null;
}
