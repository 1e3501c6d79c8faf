import type { CommandSettings } from "@expert-router/config";
import type { DeploymentPlan, RouterDeployment } from "@expert-router/contracts";
import {
  DeploymentStepError,
  RedisDeploymentStore,
  rollOut,
  type RollOutReport,
} from "@expert-router/router-state";
import { CommandFailure } from "../command-failure.js";
import { refusalLines } from "./deployment-text.js";
import { withStateRedis } from "./state-redis.js";

/** How a change is made and told. */
export interface ChangeOptions {
  readonly json?: true;
  readonly timeout: number;
}

/** Makes one step from the deployment of now, waits for all replicas, and says how it ended. */
export async function changeDeployment(
  settings: CommandSettings,
  step: (now: RouterDeployment) => DeploymentPlan,
  { json, timeout }: ChangeOptions,
): Promise<void> {
  const report = await withStateRedis(settings, async (redis) => {
    const store = new RedisDeploymentStore(redis);
    const now = await store.read();
    return rollOut(store, now, planned(step, now), { timeoutMs: timeout * 1_000 });
  });
  if (json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  const failure = failureOf(report);
  if (failure !== undefined) throw new CommandFailure(failure);
  if (json !== true) process.stdout.write(`${successText(report)}\n`);
}

function planned(step: (now: RouterDeployment) => DeploymentPlan, now: RouterDeployment): DeploymentPlan {
  try {
    return step(now);
  } catch (error) {
    if (error instanceof DeploymentStepError) throw new CommandFailure(error.message);
    throw error;
  }
}

function failureOf({ end, deployment, replicas }: RollOutReport): string | undefined {
  const restored = `the deployment before is back, as revision ${deployment.revision}`;
  switch (end) {
    case "everywhere":
    case "unheard":
      return undefined;
    case "refused":
      return [...refusalLines(replicas), restored].join("\n");
    case "late": {
      const late = replicas.filter(({ revision }) => revision < deployment.revision - 1);
      const names = late.map(({ host, pid }) => `${host}:${pid}`).join(", ");
      return `no word in time from ${names}; ${restored}`;
    }
    case "overtaken":
      return `somebody else changed the deployment meanwhile (revision ${deployment.revision}); 'expert-router router status' shows it`;
  }
}

function successText({ end, deployment, replicas }: RollOutReport): string {
  const count = replicas.length;
  if (end === "unheard")
    return `revision ${deployment.revision}: no ingress runs; the next one that starts will serve it`;
  return `revision ${deployment.revision}: served by ${count === 1 ? "the one replica" : `all ${count} replicas`}`;
}
