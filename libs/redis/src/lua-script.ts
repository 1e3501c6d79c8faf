import { createHash } from "node:crypto";
import { isCluster, type RedisClient } from "./connect.js";

const knownScripts = new WeakMap<RedisClient, Set<string>>();

/**
 * Hashes of the scripts that the server behind a connection is known to have. A hash that it does not know would have to be
 * followed by the text, behind commands that were sent meanwhile; so a new connection begins with the text.
 */
function scriptsKnownOn(redis: RedisClient): Set<string> {
  let known = knownScripts.get(redis);
  if (known === undefined) {
    const scripts = (known = new Set<string>());
    knownScripts.set(redis, scripts);
    // A server that comes back may have forgotten them.
    redis.on("close", () => scripts.clear());
  }
  return known;
}

/** A Lua script, sent by its hash once the connection has seen it run, and by its text before that. */
export class LuaScript {
  private readonly sha: string;

  constructor(private readonly text: string) {
    this.sha = createHash("sha1").update(text).digest("hex");
  }

  /**
   * Runs the script, in the order of the calls on this connection; only after a `SCRIPT FLUSH` by somebody else one call
   * can come late, and on a cluster, where each node learns the script from its first call. All `keys` must share a hash
   * tag.
   */
  async run(
    redis: RedisClient,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    if (!isCluster(redis)) {
      const known = scriptsKnownOn(redis);
      if (!known.has(this.sha)) {
        const reply = await redis.eval(this.text, keys.length, ...keys, ...args);
        known.add(this.sha);
        return reply;
      }
    }
    try {
      return await redis.evalsha(this.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(this.text, keys.length, ...keys, ...args);
    }
  }
}
