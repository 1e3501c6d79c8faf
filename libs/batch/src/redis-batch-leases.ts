import { redisKeys, type BatchCounts, type BatchId, type BatchUsage } from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";

/** How far a batch is, as the process that runs it tells. */
export interface BatchProgress {
  readonly counts: BatchCounts;
  readonly usage: BatchUsage;
}

/** Who runs which batch: one process at a time, but for moments after an outage; the store refuses the second one's writes. */
export interface BatchLeases {
  /** Takes a batch that nobody holds, or keeps one; false: another process holds it. */
  hold(id: BatchId, holder: string, progress?: BatchProgress): Promise<boolean>;
  /** Lets another process take it at once. */
  release(id: BatchId, holder: string): Promise<void>;
  /** What the holder told last; undefined where nobody holds it. */
  progress(id: BatchId): Promise<BatchProgress | undefined>;
}

/** KEYS: lease. ARGV: holder, progress JSON, ms that it holds. */
const holdScript = new LuaScript(`
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'progress', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`);

/** KEYS: lease. ARGV: holder. */
const releaseScript = new LuaScript(`
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** {@link BatchLeases} in Redis. */
export class RedisBatchLeases implements BatchLeases {
  constructor(
    private readonly redis: RedisClient,
    /** Renewed several times in this time; what is left of it when a process dies is what others wait. */
    private readonly leaseMs: number,
  ) {}

  async hold(id: BatchId, holder: string, progress?: BatchProgress): Promise<boolean> {
    const args = [holder, progress === undefined ? "" : JSON.stringify(progress), this.leaseMs];
    return (await holdScript.run(this.redis, [redisKeys.batchLease(id)], args)) === 1;
  }

  async release(id: BatchId, holder: string): Promise<void> {
    await releaseScript.run(this.redis, [redisKeys.batchLease(id)], [holder]);
  }

  async progress(id: BatchId): Promise<BatchProgress | undefined> {
    const json = await this.redis.hget(redisKeys.batchLease(id), "progress");
    return json === null ? undefined : (JSON.parse(json) as BatchProgress);
  }
}
