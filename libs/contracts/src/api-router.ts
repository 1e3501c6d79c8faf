/** `GET /v1/router`: which versions decide, and whether live traffic still looks like what they were trained on. */
import { z } from "zod";
import { routerRoles } from "./router-deployment.js";

const servedVersionSchema = z
  .object({ version: z.string().nullable().describe("Null without an artifact: a single expert.") })
  .describe("One loaded artifact.");

/** Live decisions of the active version against its training report. */
export const driftSchema = z.object({
  router_version: z.string(),
  prompts: z.int().describe("Decisions in the window."),
  window: z.int().describe("Decisions that the window holds at most."),
  verdict: z
    .enum(["too-few", "steady", "moving", "drifted"])
    .describe("too-few: nothing can be said yet. moving: look again soon. drifted: train again."),
  class_psi: z.number().describe("Population stability index of the classes; above 0.25 counts as drifted."),
  confidence_psi: z
    .number()
    .nullable()
    .describe("The same of the confidence; null where the training report holds no histogram."),
  below_threshold_share: z.number(),
  unknown_share: z.number().describe("Share of prompts in which the router knows no feature at all."),
  mean_confidence: z.number(),
  classes: z.array(z.object({ name: z.string(), share: z.number(), expected: z.number() })),
});
export type Drift = z.infer<typeof driftSchema>;

/** The answer of `GET /v1/router`, for the replica that gave it. */
export const routerStatusSchema = z.object({
  object: z.literal("router"),
  revision: z.int().describe("Revision of the deployment that this replica has acted on."),
  overridden: z.boolean().describe("True while a deployment serves something else than router.artifact."),
  base: servedVersionSchema,
  active: servedVersionSchema,
  candidate: servedVersionSchema.nullable(),
  percent: z.number(),
  shadow: z.boolean(),
  refusals: z.array(z.object({ role: z.enum(routerRoles), code: z.string(), at: z.iso.datetime() })),
  drift: driftSchema.nullable().describe("Null without an artifact."),
});
export type RouterStatus = z.infer<typeof routerStatusSchema>;
