import { redisKeys, type DeadLetter, type RequestId } from "@expert-router/contracts";
import { LuaScript } from "@expert-router/redis";
import type { RedisClient } from "@expert-router/redis";

/** Dead letters kept of one expert; beyond it the oldest go. */
export const maxDeadLetters = 1_000;
const replayLockMs = 30_000;

/**
 * KEYS: ids by time, letters. ARGV: id, time, letter, oldest time kept, most kept. Answers the ids that had to go.
 */
const addScript = new LuaScript(`
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
local surplus = redis.call('ZCARD', KEYS[1]) - #gone - ARGV[5]
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], #gone, #gone + surplus - 1)) do gone[#gone + 1] = id end
end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return gone
`);

/** Writes a field of a record that is still there: one that expired would come back without an expiry. KEYS: meta. ARGV: field, value, '1' to keep what is there. */
const noteScript = new LuaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call(ARGV[3] == '1' and 'HSETNX' or 'HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`);

/** Settings of {@link RedisDeadLetters}. */
export interface DeadLetterOptions {
  /** How long a letter and the body of its request are kept. */
  readonly keptMs: number;
  readonly maxPerExpert?: number;
  readonly now?: () => number;
}

/** Which job a request was replayed as; `done`: the job is on its queue, so nothing is left to do. */
export interface ReplayClaim {
  readonly id: RequestId;
  readonly done: boolean;
}

/**
 * The requests of each expert that failed for good. The list holds no prompt; the body stays in the request's record, which
 * {@link AttemptWriter.close} keeps for as long.
 */
export class RedisDeadLetters {
  constructor(
    private readonly redis: RedisClient,
    private readonly options: DeadLetterOptions,
  ) {}

  /** Adds a letter, or replaces that of the same request. */
  async add(letter: DeadLetter): Promise<void> {
    const { keptMs, maxPerExpert = maxDeadLetters } = this.options;
    const args = [letter.id, letter.failedAtMs, JSON.stringify(letter), this.now() - keptMs, maxPerExpert];
    const gone = (await addScript.run(this.redis, keysOf(letter.expert), args)) as RequestId[];
    await Promise.all(gone.map((id) => this.redis.hdel(redisKeys.meta(id), "body")));
  }

  /** Takes a letter off the list; the record stays. Answers whether it was there. */
  async remove(expert: string, id: RequestId): Promise<boolean> {
    const [byTime, letters] = keysOf(expert);
    const [removed] = await Promise.all([this.redis.zrem(byTime, id), this.redis.hdel(letters, id)]);
    return removed === 1;
  }

  /** Takes a letter off the list and the body out of the request's record. Answers whether it was there. */
  async drop(expert: string, id: RequestId): Promise<boolean> {
    const wasThere = await this.remove(expert, id);
    if (wasThere) await this.redis.hdel(redisKeys.meta(id), "body");
    return wasThere;
  }

  async read(expert: string, id: RequestId): Promise<DeadLetter | undefined> {
    const letter = await this.redis.hget(redisKeys.deadLetters(expert), id);
    return letter === null ? undefined : (JSON.parse(letter) as DeadLetter);
  }

  /** Letters of one expert, newest first. */
  async list(expert: string, limit = maxDeadLetters): Promise<DeadLetter[]> {
    const [byTime, letters] = keysOf(expert);
    const ids = await this.redis.zrevrangebyscore(byTime, "+inf", this.oldestMs, "LIMIT", 0, limit);
    if (ids.length === 0) return [];
    const found = await this.redis.hmget(letters, ...ids);
    return found.flatMap((letter) => (letter === null ? [] : [JSON.parse(letter) as DeadLetter]));
  }

  async count(expert: string): Promise<number> {
    return this.redis.zcount(redisKeys.deadLettersByTime(expert), this.oldestMs, "+inf");
  }

  /**
   * Names the job that a request is replayed as: `candidate`, or the one that an earlier call named. Undefined while another
   * call holds the claim, or the request is gone; {@link settleReplay} ends it, or half a minute.
   */
  async claimReplay(id: RequestId, candidate: RequestId): Promise<ReplayClaim | undefined> {
    if ((await this.redis.set(redisKeys.replayLock(id), "1", "PX", replayLockMs, "NX")) === null)
      return undefined;
    const meta = redisKeys.meta(id);
    if ((await noteScript.run(this.redis, [meta], ["replayedAs", candidate, "1"])) === 0) return undefined;
    const [as, done] = await this.redis.hmget(meta, "replayedAs", "replayed");
    return { id: as as RequestId, done: done === "1" };
  }

  /** Ends a claim. `done`: the job is on its queue; the letter and the body, which the job has now, go. */
  async settleReplay(expert: string, id: RequestId, done: boolean): Promise<void> {
    if (done) {
      await noteScript.run(this.redis, [redisKeys.meta(id)], ["replayed", "1", ""]);
      await this.redis.hdel(redisKeys.meta(id), "body");
      await this.remove(expert, id);
    }
    await this.redis.del(redisKeys.replayLock(id));
  }

  /** The job that a request was replayed as. */
  async replayOf(id: RequestId): Promise<RequestId | undefined> {
    const [as, done] = await this.redis.hmget(redisKeys.meta(id), "replayedAs", "replayed");
    return done === "1" ? (as as RequestId) : undefined;
  }

  private get oldestMs(): number {
    return this.now() - this.options.keptMs;
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

function keysOf(expert: string): [byTime: string, letters: string] {
  return [redisKeys.deadLettersByTime(expert), redisKeys.deadLetters(expert)];
}
