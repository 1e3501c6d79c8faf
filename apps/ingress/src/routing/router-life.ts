/** The routers of one ingress from its start to its end: what serves, what replaces it, what is watched. */
import { redisKeys } from "@expert-router/contracts";
import { ExpertRouter } from "@expert-router/embedder";
import { awaitReady, connectRedis, connectSubscriber } from "@expert-router/redis";
import { RedisDeploymentStore, RedisKeptPrompts } from "@expert-router/router-state";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { connectionOptions } from "../wiring/connection-options.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { ArtifactWatch } from "./artifact-watch.js";
import { DeploymentFollower } from "./deployment-follower.js";
import { LineupLog } from "./lineup-log.js";
import { PromptSample } from "./prompt-sample.js";
import { RouterLineup, type LoadRouter } from "./router-lineup.js";
import { ServingRouter } from "./serving-router.js";
import { TrafficDrift } from "./traffic-drift.js";

const watchMs = 500;
const followMs = 1_000;
const publishMs = 2_000;
const trimMs = 60_000;
const redisReadyTimeoutMs = 30_000;

/** The running parts; {@link startRouterLife} makes them once a process. */
export interface RouterLife {
  readonly router: ServingRouter;
  /** Stops changing and reporting; the routers still decide. */
  stop(): Promise<void>;
  /** Waits for the decisions under way and frees the sessions. */
  close(): Promise<void>;
}

/**
 * Loads the artifact of the configuration, then what is deployed in its place.
 * @throws RouterError if the former is broken, Error if Redis does not answer. A broken deployment is only reported.
 */
export async function startRouterLife(context: IngressContext): Promise<RouterLife> {
  const { metrics, logger, ingressId, settings } = context;
  const { router: config } = settings.system;
  const watch = config === undefined ? undefined : new ArtifactWatch(config.artifact);
  await watch?.start();
  const log = new LineupLog(logger, metrics.router);
  const lineup = await RouterLineup.start(config?.artifact, loader(context), log);
  const redis = connectRedis(settings.redisUrl, {
    mode: "fail-fast",
    ...connectionOptions(context, "router"),
  });
  const subscriber = connectSubscriber(settings.redisUrl, connectionOptions(context, "router-news"));
  const follower = new DeploymentFollower(ingressId, lineup, new RedisDeploymentStore(redis));
  const drift = new TrafficDrift(config?.threshold ?? 0, metrics.router);
  const sample = new PromptSample(config?.keepPrompts, new RedisKeptPrompts(redis), metrics.router);
  try {
    await awaitReady(redis, redisReadyTimeoutMs);
    await subscriber.subscribe(redisKeys.routerChannel);
  } catch (error) {
    // A connection that goes on trying would keep the process alive.
    for (const one of [redis, subscriber]) one.disconnect();
    throw error;
  }
  const follow = quietly(context, "the router's deployment cannot be followed", async () => {
    await follower.follow();
    log.publish(lineup);
  });
  const lookAtFiles = quietly(context, "the router's artifact cannot be watched", async () => {
    if (!(await watch?.hasChanged()) && !lineup.isBaseDue(Date.now())) return;
    await lineup.reloadBase();
    log.publish(lineup);
  });
  const report = quietly(context, "the router's replicas cannot be told", () => follower.report());
  const trim = quietly(context, "kept prompts cannot be trimmed", () => sample.trim());
  await follow();
  subscriber.on("message", () => void follow());
  const tasks = [
    every(followMs, follow),
    every(publishMs, report),
    every(watchMs, lookAtFiles),
    every(publishMs, async () => drift.publish(lineup.serving.active)),
    every(trimMs, trim),
  ];
  return {
    router: new ServingRouter({ lineup, drift, sample, metrics: metrics.router, log }),
    stop: async () => {
      for (const task of tasks) task.stop();
      subscriber.disconnect();
      // Redis may be away; the report expires by itself.
      await follower.stop().catch(() => undefined);
    },
    close: async () => {
      redis.disconnect();
      await lineup.close();
    },
  };
}

function loader({ settings: { system } }: IngressContext): LoadRouter {
  return (artifact) =>
    ExpertRouter.load({
      artifact,
      threshold: system.router?.threshold ?? 0,
      stickiness: system.router?.stickiness,
      experts: system.experts,
      fallback: system.fallback,
    });
}

function every(ms: number, task: () => Promise<void>): RepeatingTask {
  return repeat(ms, task, () => undefined);
}

/** `task`, which never rejects: an outage is one line, not one a second. */
function quietly({ logger }: IngressContext, what: string, task: () => Promise<void>): () => Promise<void> {
  let failing = false;
  return async () => {
    try {
      await task();
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ err: error }, what);
      failing = true;
    }
  };
}
