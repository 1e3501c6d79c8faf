import { createHash } from "node:crypto";
import { isCluster, type RedisClient } from "./connect.js";

/** A Lua script, sent by its hash once the connection has seen it run, and by its text before that. */
export class LuaScript {
  private readonly sha: string;
  /**
   * Connections on which the server is known to have the script. A hash that the server does not know would have to be
   * followed by the text, behind commands that were sent meanwhile; so a new connection begins with the text.
   */
  private readonly knownOn = new WeakSet<RedisClient>();

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
    if (!isCluster(redis) && !this.knownOn.has(redis)) {
      const reply = await redis.eval(this.text, keys.length, ...keys, ...args);
      this.knownOn.add(redis);
      // A server that comes back may have forgotten it.
      redis.once("close", () => this.knownOn.delete(redis));
      return reply;
    }
    try {
      return await redis.evalsha(this.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return redis.eval(this.text, keys.length, ...keys, ...args);
    }
  }
}
