import type { Writable } from "node:stream";
import { Redis, type RedisOptions } from "ioredis";

/**
 * How a connection behaves while Redis is away. `fail-fast`: commands reject within about a second, so that a
 * client gets a 503 instead of silence. `wait`: commands are kept and sent after the reconnect, as a worker
 * wants that has an answer to finish.
 */
export type ConnectionMode = "fail-fast" | "wait";

const modes: Record<ConnectionMode, RedisOptions> = {
  "fail-fast": { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 5_000 },
  wait: { enableOfflineQueue: true, maxRetriesPerRequest: null },
};

/** ioredis options of a mode; reconnects for ever, at most 500 ms apart. */
export function redisOptions(mode: ConnectionMode, name: string): RedisOptions {
  return {
    ...modes[mode],
    connectionName: name,
    retryStrategy: (attempt) => Math.min(25 * 2 ** Math.min(attempt, 5), 500),
  };
}

/**
 * A connection to `url`. It is not connected yet; commands of a `wait` connection queue up, those of a
 * `fail-fast` one reject until it is. `onError` hears one error an outage: a reconnect is tried twice a second.
 */
export function connectRedis(
  url: string,
  options: { mode: ConnectionMode; name: string; onError: (error: Error) => void },
): Redis {
  const redis = new Redis(url, redisOptions(options.mode, options.name));
  let away = false;
  redis.on("error", (error: Error) => {
    if (!away) options.onError(error);
    away = true;
  });
  redis.on("ready", () => (away = false));
  redis.on("connect", () => coalesceWrites(redis.stream));
  return redis;
}

/**
 * ioredis writes each command by itself, which is a system call for us and another one for Redis. Held back to the
 * end of the event loop's turn, the commands of all requests that were served in it leave together.
 */
function coalesceWrites(stream: Writable): void {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    stream.uncork();
  };
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (...args: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      setImmediate(uncork);
    }
    return write(...args);
  };
}

/** Resolves when the connection is ready for commands; rejects after `timeoutMs`. */
export async function awaitReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off("ready", ready);
      reject(new Error(`Redis did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const ready = (): void => {
      clearTimeout(timer);
      resolve();
    };
    redis.once("ready", ready);
  });
}
