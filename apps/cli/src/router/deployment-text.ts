/** What `expert-router router` prints about a deployment. */
import {
  baseArtifact,
  type RouterDeployment,
  type RouterReplica,
  type ServedArtifact,
} from "@expert-router/contracts";

/** The configured artifact, for comparison with what is deployed. */
export interface BaseArtifact {
  readonly path: string;
  /** What the folder holds now; null if it cannot be read. */
  readonly version: string | null;
}

/** The whole state, a line each. */
export function deploymentText(
  { active, candidate, percent, shadow, previous, revision }: RouterDeployment,
  replicas: readonly RouterReplica[],
  base: BaseArtifact,
): string {
  const configured = `${base.version ?? "unreadable"}  ${base.path}`;
  const lines = [
    `configured  ${configured}`,
    active === baseArtifact
      ? "active      the configured artifact"
      : `active      ${artifactText(active)}  (deployed, overrides router.artifact; 'reset' ends that)`,
    ...(candidate === null
      ? []
      : [`candidate   ${artifactText(candidate)}  (${shareText(percent, shadow)})`]),
    ...(previous === null && candidate === null ? [] : [`rollback    ${rollbackText(candidate, previous)}`]),
    `revision    ${revision}`,
  ];
  if (replicas.length === 0) lines.push("replicas    none reports; is an ingress running?");
  return `${[...lines, ...replicas.flatMap((replica) => replicaLines(replica, revision))].join("\n")}\n`;
}

/** One line for an artifact. */
export function artifactText(artifact: ServedArtifact): string {
  return artifact === baseArtifact ? "the configured artifact" : `${artifact.version}  ${artifact.path}`;
}

/** The replicas that would not serve, one a line. */
export function refusalLines(replicas: readonly RouterReplica[]): string[] {
  return replicas.flatMap(({ host, pid, refusals }) =>
    refusals.map(({ role, message }) => `${host}:${pid} refuses the ${role} artifact: ${message}`),
  );
}

function replicaLines(replica: RouterReplica, revision: number): string[] {
  const { host, pid, versions } = replica;
  const served = Object.entries(versions).flatMap(([role, version]) =>
    version === null || role === "base" ? [] : [`${role} ${version}`],
  );
  const behind = replica.revision === revision ? "" : `, still at revision ${replica.revision}`;
  return [
    `replica     ${host}:${pid}: ${served.join(", ") || "no artifact"}${behind}`,
    ...refusalLines([replica]).map((line) => `            ${line}`),
  ];
}

function shareText(percent: number, shadow: boolean): string {
  const parts = [
    ...(percent > 0 ? [`decides ${percent} % of prompts`] : []),
    ...(shadow ? ["in the shadow of the active one"] : []),
  ];
  return parts.join(", otherwise ") || "decides nothing";
}

function rollbackText(candidate: RouterDeployment["candidate"], previous: ServedArtifact | null): string {
  if (candidate !== null) return "withdraws the candidate";
  return previous === null ? "" : `returns to ${artifactText(previous)}`;
}
