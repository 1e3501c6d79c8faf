import { Redis } from "ioredis";

/** A connection for one command: it neither waits for a Redis that is away nor tries again. Not connected yet. */
export function briefRedis(url: string, timeoutMs = 5_000): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: () => null,
  });
  // Without a listener a refused connection would end the process; `connect` rejects with it as well.
  redis.on("error", () => undefined);
  return redis;
}
