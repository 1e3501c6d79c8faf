import { redisKeys, type WorkerReport } from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";
import type { WorkerRegistry } from "./expert-queue.js";

const presencePrefix = redisKeys.presenceChannel("");

/** Times are of the Redis clock, so that hosts need not agree. `serverRun` changes with a restart and a failover. */
const shared = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function present(id) return redis.call('PUBSUB', 'NUMSUB', '${presencePrefix}' .. id)[2] > 0 end
local function serverRun() return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
`;

/** KEYS: see {@link keysOf}. ARGV: worker id, report. */
const beatScript = new LuaScript(`${shared}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if present(ARGV[1]) then redis.call('HSET', KEYS[3], ARGV[1], serverRun())
else redis.call('HDEL', KEYS[3], ARGV[1]) end
return 1
`);

/** KEYS: see {@link keysOf}. ARGV: patience in ms. Answers the reports of workers whose heartbeat is younger. */
const aliveScript = new LuaScript(`${shared}
local reports = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now - ARGV[1], '+inf')) do
  reports[#reports + 1] = redis.call('HGET', KEYS[1], id) or nil
end
return reports
`);

/**
 * KEYS: see {@link keysOf}. ARGV: ms after which a worker without a presence is dead, ms of silence after which one is
 * suspected, ms of suspicion after which it is dead. Answers the ids of the dead. While everybody beats, this is one
 * look at the end of a sorted set.
 */
const deadScript = new LuaScript(`${shared}
local dead = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])) do
  local gone = redis.call('HGET', KEYS[3], id) == serverRun() and not present(id)
  if not gone and tonumber(redis.call('ZSCORE', KEYS[2], id)) <= now - ARGV[2] then
    redis.call('HSETNX', KEYS[4], id, now)
    gone = now - redis.call('HGET', KEYS[4], id) >= tonumber(ARGV[3])
  end
  if gone then dead[#dead + 1] = id end
end
return dead
`);

/** Settings of a {@link RedisWorkerRegistry}. */
export interface WorkerRegistryOptions {
  /** A worker whose presence has vanished is dead when its last heartbeat is older. Default 450 ms. */
  readonly vanishedMs?: number;
  /** A worker whose last heartbeat is older is suspected, and counts as absent. Default 1.5 s. */
  readonly patienceMs?: number;
  /** A suspected worker that has not beaten this long after is dead: a Redis that was away hears it by then. Default 1 s. */
  readonly graceMs?: number;
  /** Hands back what a dead worker held; answers how many jobs. */
  readonly handBack: (expert: string, workerId: string) => Promise<number>;
}

/** {@link WorkerRegistry} in Redis. */
export class RedisWorkerRegistry implements WorkerRegistry {
  constructor(
    private readonly redis: RedisClient,
    private readonly options: WorkerRegistryOptions,
  ) {}

  async beat(report: WorkerReport): Promise<void> {
    await beatScript.run(this.redis, keysOf(report.expert), [report.id, JSON.stringify(report)]);
  }

  async leave(expert: string, workerId: string): Promise<void> {
    const [reports, beats, presences, suspects] = keysOf(expert);
    await this.redis
      .pipeline()
      .hdel(reports, workerId)
      .zrem(beats, workerId)
      .hdel(presences, workerId)
      .hdel(suspects, workerId)
      .exec();
  }

  async alive(expert: string): Promise<WorkerReport[]> {
    const reports = await aliveScript.run(this.redis, keysOf(expert), [this.patienceMs]);
    return (reports as string[]).map((report) => JSON.parse(report) as WorkerReport);
  }

  async reap(expert: string): Promise<number> {
    const args = [this.options.vanishedMs ?? 450, this.patienceMs, this.options.graceMs ?? 1_000];
    let handedBack = 0;
    for (const workerId of (await deadScript.run(this.redis, keysOf(expert), args)) as string[]) {
      handedBack += await this.options.handBack(expert, workerId);
      await this.leave(expert, workerId);
    }
    return handedBack;
  }

  private get patienceMs(): number {
    return this.options.patienceMs ?? 1_500;
  }
}

function keysOf(expert: string): [reports: string, beats: string, presences: string, suspects: string] {
  return [
    redisKeys.workers(expert),
    redisKeys.heartbeats(expert),
    redisKeys.presences(expert),
    redisKeys.suspects(expert),
  ];
}
