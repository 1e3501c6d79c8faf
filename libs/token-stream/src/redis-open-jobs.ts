import { redisKeys, type RequestId } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import type { OpenJobs } from "./token-log.js";

/** {@link OpenJobs} in Redis: a sorted set an expert, job id → Unix time in ms of the next look. */
export class RedisOpenJobs implements OpenJobs {
  constructor(private readonly redis: RedisClient) {}

  async due(expert: string, nowMs: number, limit: number): Promise<RequestId[]> {
    const key = redisKeys.openJobs(expert);
    return (await this.redis.zrangebyscore(key, "-inf", nowMs, "LIMIT", 0, limit)) as RequestId[];
  }

  async lookAgain(expert: string, ids: readonly RequestId[], atMs: number): Promise<void> {
    if (ids.length === 0) return;
    // Only those that are still in it: another process may have taken one out.
    await this.redis.zadd(redisKeys.openJobs(expert), "XX", ...ids.flatMap((id) => [atMs, id]));
  }

  async forget(expert: string, ids: readonly RequestId[]): Promise<void> {
    if (ids.length > 0) await this.redis.zrem(redisKeys.openJobs(expert), ...ids);
  }
}
