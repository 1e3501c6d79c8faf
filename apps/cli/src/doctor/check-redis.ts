import { join } from "node:path";
import { maskedUrl } from "@expert-router/config";
import { connectBriefly, isCluster } from "@expert-router/redis";
import { findKeptRedis, findRedisBinary } from "@expert-router/redis-server";
import { briefRedis } from "../brief-redis.js";
import type { CheckResult } from "./check-result.js";

const leastMajor = 7;
const timeoutMs = 2_000;

/** Reachability, version and settings of the Redis that `REDIS_URL` names or that `up` keeps. */
export async function checkRedis(redisUrl: string | undefined, dataDir: string): Promise<CheckResult> {
  const url = redisUrl ?? (await findKeptRedis(join(dataDir, "redis")))?.url;
  if (url !== undefined) return examine(url);
  const binary = findRedisBinary();
  const name = "redis";
  if (binary !== undefined)
    return { name, status: "ok", detail: `none runs; 'expert-router up' starts ${binary}` };
  const detail =
    "REDIS_URL is not set and no redis-server or valkey-server is on the PATH; 'expert-router up' tries to install one";
  return { name, status: "warn", detail };
}

async function examine(url: string): Promise<CheckResult> {
  const redis = briefRedis(url, timeoutMs);
  const where = maskedUrl(url);
  try {
    await connectBriefly(redis);
    const servers = isCluster(redis) ? redis.nodes("master") : [redis];
    const results = (await Promise.all(servers.map((server) => server.info()))).map((info) =>
      judge(where, (name) => new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1]?.trim() ?? ""),
    );
    return worst(results);
  } catch (error) {
    return { name: "redis", status: "fail", detail: `${where}: ${(error as Error).message}` };
  } finally {
    redis.disconnect();
  }
}

/** A cluster is as fit as the least fit of its masters. */
function worst(results: readonly CheckResult[]): CheckResult {
  const bySeverity = (["fail", "warn", "ok"] as const).map((status) =>
    results.find((result) => result.status === status),
  );
  return bySeverity.find((result) => result !== undefined) as CheckResult;
}

/** What INFO says about fitness for queues. */
export function judge(where: string, field: (name: string) => string): CheckResult {
  const version = field("redis_version");
  const policy = field("maxmemory_policy");
  const detail = `${where}: version ${version}, maxmemory-policy ${policy}`;
  if (Number.parseInt(version) < leastMajor) {
    return { name: "redis", status: "fail", detail: `${detail}; version ${leastMajor} or later is needed` };
  }
  if (policy !== "noeviction") {
    const advice =
      "must be noeviction, or queued requests can vanish: CONFIG SET maxmemory-policy noeviction";
    return { name: "redis", status: "fail", detail: `${detail}; it ${advice}` };
  }
  if (field("aof_enabled") !== "1") {
    return {
      name: "redis",
      status: "warn",
      detail: `${detail}; without appendonly a restart loses queued requests`,
    };
  }
  return { name: "redis", status: "ok", detail };
}
