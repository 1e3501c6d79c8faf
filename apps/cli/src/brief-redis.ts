import { connectRedis, type RedisClient } from "@expert-router/redis";

/** A connection for one command: it neither waits for a Redis that is away nor tries again. Not connected yet. */
export function briefRedis(url: string, timeoutMs?: number): RedisClient {
  return connectRedis(url, {
    mode: "brief",
    name: "expert-router-command",
    onError: () => undefined,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}
