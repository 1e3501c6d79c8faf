import type { RedisClient } from "./connect.js";

/** Resolves when the connection is ready for commands. Rejects after `timeoutMs`, or as soon as Redis refuses its password. */
export async function awaitReady(redis: RedisClient, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    let last: Error | undefined;
    const ready = (): void => settle();
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      redis.off("ready", ready);
      redis.off("error", hear);
      if (error === undefined) resolve();
      else reject(error);
    };
    const hear = (error: Error): void => {
      last = error;
      const refusal = loginRefusal(error);
      if (refusal !== undefined) settle(refusal);
    };
    const timer = setTimeout(() => {
      const because = last === undefined ? "" : `: ${last.message}`;
      settle(new Error(`Redis did not answer within ${timeoutMs} ms${because}`));
    }, timeoutMs);
    redis.once("ready", ready);
    redis.on("error", hear);
  });
}

/** Connects a `brief` connection. Rejects with the cause, where ioredis says no more than that the connection is closed. */
export async function connectBriefly(redis: RedisClient): Promise<void> {
  let first: Error | undefined;
  const hear = (error: Error): void => void (first ??= error);
  redis.on("error", hear);
  try {
    await redis.connect();
  } catch (error) {
    throw (first && (loginRefusal(first) ?? first)) ?? error;
  } finally {
    redis.off("error", hear);
  }
}

/** What to do about a refused login, which no waiting cures. */
function loginRefusal({ message }: Error): Error | undefined {
  if (message.startsWith("NOAUTH"))
    return new Error("Redis asks for a password; REDIS_URL holds none (redis://:PASSWORD@host:port)");
  if (message.startsWith("WRONGPASS"))
    return new Error("Redis refuses the user name or password of REDIS_URL");
  return undefined;
}
