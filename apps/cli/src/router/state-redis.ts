import { join } from "node:path";
import { maskedUrl, type CommandSettings } from "@expert-router/config";
import { findKeptRedis } from "@expert-router/redis-server";
import { connectBriefly, type RedisClient } from "@expert-router/redis";
import { briefRedis } from "../brief-redis.js";
import { CommandFailure } from "../command-failure.js";

/**
 * Runs `work` with a connection to the Redis of the system: `REDIS_URL`, or the one that `up` keeps.
 * @throws CommandFailure if there is none, or it does not answer.
 */
export async function withStateRedis<Value>(
  { redisUrl, dataDir }: Pick<CommandSettings, "redisUrl" | "dataDir">,
  work: (redis: RedisClient) => Promise<Value>,
): Promise<Value> {
  const url = redisUrl ?? (await findKeptRedis(join(dataDir, "redis")))?.url;
  if (url === undefined)
    throw new CommandFailure("no Redis: REDIS_URL is not set, and no 'expert-router up' runs here");
  const redis = briefRedis(url);
  try {
    await connectBriefly(redis).catch((error: Error) => {
      throw new CommandFailure(`Redis at ${maskedUrl(url)} does not answer: ${error.message}`);
    });
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
