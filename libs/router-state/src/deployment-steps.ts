/** What an operator can do with a deployment: plan in, plan out. */
import {
  baseArtifact,
  basePlan,
  type ArtifactReference,
  type DeploymentPlan,
} from "@expert-router/contracts";

/** The step makes no sense in this state; the message says why, to whoever asked for it. */
export class DeploymentStepError extends Error {
  override readonly name = "DeploymentStepError";
}

/** How a new artifact begins. */
export interface DeployOptions {
  /** Share of prompts that it decides, 0 to 100; undefined without shadow: all, at once. */
  readonly percent?: number | undefined;
  /** It decides beside the active one, without effect, wherever it does not decide itself. */
  readonly shadow?: boolean | undefined;
}

/** `artifact` as the active one, or as candidate where it gets a share or the shadow only. */
export function deploy(
  plan: DeploymentPlan,
  artifact: ArtifactReference,
  { percent, shadow = false }: DeployOptions = {},
): DeploymentPlan {
  if (percent === undefined && !shadow) return replaceActive(plan, artifact);
  return { ...plan, candidate: artifact, percent: percent ?? 0, shadow };
}

/**
 * The candidate for all prompts.
 * @throws DeploymentStepError without one.
 */
export function promote(plan: DeploymentPlan): DeploymentPlan {
  if (plan.candidate === null)
    throw new DeploymentStepError("there is no candidate; 'deploy DIR --percent N' or '--shadow' makes one");
  return replaceActive(plan, plan.candidate);
}

/**
 * The way back: withdraws the candidate if there is one, else returns to the artifact before the active one.
 * @throws DeploymentStepError if there is neither.
 */
export function rollback(plan: DeploymentPlan): DeploymentPlan {
  if (plan.candidate !== null) return withoutCandidate(plan);
  if (plan.previous === null)
    throw new DeploymentStepError("nothing to return to: no artifact served before this one");
  // The one that is left is not kept: a second rollback must not bring it back.
  return { ...withoutCandidate(plan), active: plan.previous, previous: null };
}

/** Back to the artifact of the configuration; everything deployed is forgotten. */
export function reset(): DeploymentPlan {
  return basePlan;
}

function replaceActive(plan: DeploymentPlan, artifact: ArtifactReference): DeploymentPlan {
  const same =
    plan.active !== baseArtifact &&
    plan.active.path === artifact.path &&
    plan.active.version === artifact.version;
  return { ...withoutCandidate(plan), active: artifact, previous: same ? plan.previous : plan.active };
}

function withoutCandidate(plan: DeploymentPlan): DeploymentPlan {
  return { ...plan, candidate: null, percent: 0, shadow: false };
}
