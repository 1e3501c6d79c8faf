import { redisKeys } from "@expert-router/contracts";
import { LuaScript } from "@expert-router/redis";
import type { RedisClient } from "@expert-router/redis";

const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** KEYS: beats. ARGV: live channel, ms after which a beat is of no use to anybody. Of the Redis clock. */
const beatScript = new LuaScript(`${now}
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return 1
`);

/** KEYS: beats. ARGV: patience in ms. Answers live channels. */
const aliveScript = new LuaScript(`${now}
return redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf')
`);

const forgottenAfterMs = 3_600_000;

/** Which ingress processes live, by the beats of their live channels: a worker asks whether anybody still reads. */
export class RedisFollowerRegistry {
  constructor(private readonly redis: RedisClient) {}

  /** Says that the process of `channel` lives. */
  async beat(channel: string): Promise<void> {
    await beatScript.run(this.redis, [redisKeys.followerBeats], [channel, forgottenAfterMs]);
  }

  /** Takes the process of `channel` out of the list. */
  async leave(channel: string): Promise<void> {
    await this.redis.zrem(redisKeys.followerBeats, channel);
  }

  /** Live channels of the processes that have beaten in the last `patienceMs`. */
  async alive(patienceMs: number): Promise<string[]> {
    return (await aliveScript.run(this.redis, [redisKeys.followerBeats], [patienceMs])) as string[];
  }
}
