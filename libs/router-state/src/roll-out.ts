import { setTimeout as sleep } from "node:timers/promises";
import type { DeploymentPlan, RouterDeployment, RouterReplica } from "@expert-router/contracts";
import type { RedisDeploymentStore } from "./redis-deployment-store.js";

/**
 * How a change ended. `everywhere`: every live replica serves it. `unheard`: no replica lives that could. `refused`
 * and `late`: some would not or did not answer in time, so the plan before is back. `overtaken`: somebody else changed
 * the deployment meanwhile, which stays.
 */
export type RollOutEnd = "everywhere" | "unheard" | "refused" | "late" | "overtaken";

/** The end of a change and what the replicas said. */
export interface RollOutReport {
  readonly end: RollOutEnd;
  /** The deployment that is left in force. */
  readonly deployment: RouterDeployment;
  readonly replicas: readonly RouterReplica[];
}

/** Patience of a roll-out. */
export interface RollOutOptions {
  readonly timeoutMs?: number;
  readonly pollMs?: number;
}

/** Roles that a change of plan touches; trouble with the base artifact is none of its. */
const touched = new Set(["active", "candidate"]);

/** Puts `plan` in the place of `seen` and waits for all live replicas; unless all serve it, `seen` comes back. */
export async function rollOut(
  store: RedisDeploymentStore,
  seen: RouterDeployment,
  plan: DeploymentPlan,
  { timeoutMs = 30_000, pollMs = 100 }: RollOutOptions = {},
): Promise<RollOutReport> {
  const changed = await store.change(seen.revision, plan);
  if (changed === undefined) return overtaken(store);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const replicas = await store.replicas();
    if (replicas.length === 0) return { end: "unheard", deployment: changed, replicas };
    const there = replicas.filter(({ revision }) => revision >= changed.revision);
    if (there.some((replica) => refusalsOf(replica).length > 0))
      return takeBack(store, seen, changed, { end: "refused", replicas });
    if (there.length === replicas.length) return { end: "everywhere", deployment: changed, replicas };
    if (performance.now() >= deadline) return takeBack(store, seen, changed, { end: "late", replicas });
    await sleep(pollMs);
  }
}

/** What a replica has against the deployment. */
export function refusalsOf(replica: RouterReplica): RouterReplica["refusals"] {
  return replica.refusals.filter(({ role }) => touched.has(role));
}

async function takeBack(
  store: RedisDeploymentStore,
  seen: RouterDeployment,
  changed: RouterDeployment,
  report: Pick<RollOutReport, "end" | "replicas">,
): Promise<RollOutReport> {
  const restored = await store.change(changed.revision, seen);
  return restored === undefined ? overtaken(store) : { ...report, deployment: restored };
}

async function overtaken(store: RedisDeploymentStore): Promise<RollOutReport> {
  const [deployment, replicas] = await Promise.all([store.read(), store.replicas()]);
  return { end: "overtaken", deployment, replicas };
}
