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
  /** What a holder told last; undefined where none did. */
  progress(id: BatchId): Promise<BatchProgress | undefined>;
}

/** KEYS: lease, progress. ARGV: holder, progress JSON, ms that it holds, ms that progress is kept. */
const holdScript = new LuaScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4]) end
return 1
`);

/** KEYS: lease. ARGV: holder. */
const releaseScript = new LuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** Longer than a batch runs. */
const progressKeptMs = 2 * 86_400_000;

/** {@link BatchLeases} in Redis. */
export class RedisBatchLeases implements BatchLeases {
  constructor(
    private readonly redis: RedisClient,
    /** Renewed several times in this time; what is left of it when a process dies is what others wait. */
    private readonly leaseMs: number,
  ) {}

  async hold(id: BatchId, holder: string, progress?: BatchProgress): Promise<boolean> {
    const keys = [redisKeys.batchLease(id), redisKeys.batchProgress(id)];
    const args = [
      holder,
      progress === undefined ? "" : JSON.stringify(progress),
      this.leaseMs,
      progressKeptMs,
    ];
    return (await holdScript.run(this.redis, keys, args)) === 1;
  }

  async release(id: BatchId, holder: string): Promise<void> {
    await releaseScript.run(this.redis, [redisKeys.batchLease(id)], [holder]);
  }

  async progress(id: BatchId): Promise<BatchProgress | undefined> {
    const json = await this.redis.get(redisKeys.batchProgress(id));
    return json === null ? undefined : (JSON.parse(json) as BatchProgress);
  }
}
