import { z } from "zod";

/** Why an expert was chosen. */
export const decisionReasonSchema = z
  .enum(["best-match", "below-threshold", "no-text", "pinned", "single-expert", "sticky", "spillover"])
  .describe(
    "best-match: the classifier's first choice. below-threshold: too uncertain, so the generalist. " +
      "no-text: nothing to classify, so the generalist. pinned: the request named the expert. " +
      "single-expert: nothing to choose between. " +
      "sticky: the conversation stays with the expert it has. " +
      "spillover: the chosen expert was busy or away, and this one nearly as probable, or the generalist.",
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

/** The reason for people. */
export const explanationSchema = z.object({
  text: z.string().describe("One plain sentence."),
  margin: z
    .number()
    .nullable()
    .describe(
      "Probability by which the most probable expert is ahead of the second; null when none was asked.",
    ),
  runner_up: z
    .object({ expert: z.string(), probability: z.number() })
    .nullable()
    .describe("The second most probable expert."),
  nearest_class: z
    .object({ name: z.string(), probability: z.number() })
    .nullable()
    .describe("The label or cluster of the artifact that the text is nearest to."),
  threshold: z.number().describe("Confidence below it goes to the generalist."),
  terms: z
    .array(z.object({ term: z.string(), weight: z.number() }))
    .describe("Words that spoke most for that class; empty where the artifact cannot tell."),
});
export type Explanation = z.infer<typeof explanationSchema>;

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
  instead_of: z
    .string()
    .nullable()
    .describe("After a spillover, the expert that would have answered if it had been free; else null."),
  wait_saved_s: z
    .number()
    .nullable()
    .describe("Estimated wait that a spillover saves; null without one, or where the other expert is away."),
  router_version: z.string().nullable(),
  explanation: explanationSchema,
});
export type RouteDecision = z.infer<typeof routeDecisionSchema>;

/** What is kept of a decision with the request. */
export interface DecisionRecord {
  readonly expert: string;
  readonly cluster: string | null;
  readonly confidence: number;
  readonly reason: DecisionReason;
  readonly routerVersion: string | null;
  /** What a spillover changed; undefined: nothing spilled. */
  readonly spillover?: SpilloverRecord | undefined;
}

/** The choice that a request would have got if nobody had to wait. */
export interface SpilloverRecord {
  readonly insteadOf: string;
  /** Estimated seconds of waiting that were saved; null: the other expert was away. */
  readonly waitSavedS: number | null;
}
