/** Which router artifacts serve, as all processes of one system agree on it through Redis. */
import { z } from "zod";

/** One artifact: where every replica finds it, and which version it must be. */
export const artifactReferenceSchema = z.strictObject({
  path: z.string().min(1).describe("Absolute path of the folder, the same on every replica."),
  version: z.string().min(1),
});
export type ArtifactReference = z.infer<typeof artifactReferenceSchema>;

/** The artifact that `router.artifact` of the configuration names. */
export const baseArtifact = "base";
const servedArtifactSchema = z.union([z.literal(baseArtifact), artifactReferenceSchema]);
export type ServedArtifact = z.infer<typeof servedArtifactSchema>;

/** What an operator decides; a revision of {@link routerDeploymentSchema} holds one of these. */
export const deploymentPlanSchema = z.strictObject({
  active: servedArtifactSchema,
  candidate: artifactReferenceSchema.nullable(),
  percent: z.number().min(0).max(100).describe("Share of prompts that the candidate decides."),
  shadow: z.boolean().describe("The candidate decides beside the active one, without effect."),
  previous: servedArtifactSchema.nullable().describe("What a rollback returns to."),
});
export type DeploymentPlan = z.infer<typeof deploymentPlanSchema>;

/** A plan and its number; every change makes the number greater by one. 0: nothing was ever deployed. */
export const routerDeploymentSchema = deploymentPlanSchema.extend({ revision: z.int().nonnegative() });
export type RouterDeployment = z.infer<typeof routerDeploymentSchema>;

/** The state before anything is deployed. */
export const basePlan: DeploymentPlan = {
  active: baseArtifact,
  candidate: null,
  percent: 0,
  shadow: false,
  previous: null,
};

/** Places that an artifact can serve in. */
export const routerRoles = ["base", "active", "candidate"] as const;
export type RouterRole = (typeof routerRoles)[number];

/** An artifact that a replica would not serve. */
export const artifactRefusalSchema = z.object({
  role: z.enum(routerRoles),
  path: z.string(),
  code: z.string().describe("Code of the RouterError."),
  message: z.string(),
  at_ms: z.int().describe("Unix time in ms."),
});
export type ArtifactRefusal = z.infer<typeof artifactRefusalSchema>;

/** What one ingress tells about its routers, again and again. */
export const routerReplicaSchema = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  started_at_ms: z.int(),
  revision: z.int().describe("The newest revision that it has acted on."),
  versions: z.object({
    base: z.string().nullable(),
    active: z.string().nullable(),
    candidate: z.string().nullable(),
  }),
  refusals: z.array(artifactRefusalSchema),
});
export type RouterReplica = z.infer<typeof routerReplicaSchema>;

/** A live prompt kept for retraining, in the fields of a training file and with what was decided. */
export const keptPromptSchema = z.object({
  text: z.string(),
  id: z.string(),
  source: z.literal("live"),
  expert: z.string(),
  cluster: z.string().nullable(),
  confidence: z.number(),
  reason: z.string(),
  router_version: z.string().nullable(),
});
export type KeptPrompt = z.infer<typeof keptPromptSchema>;
