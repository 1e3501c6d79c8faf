import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

/** A Lua script, sent by its hash and, where the server does not know it yet, once by its text. */
export class LuaScript {
  private readonly sha: string;

  constructor(private readonly text: string) {
    this.sha = createHash("sha1").update(text).digest("hex");
  }

  /** Runs the script. All `keys` must share a hash tag. */
  async run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(this.text, keys.length, ...keys, ...args);
    }
  }
}
