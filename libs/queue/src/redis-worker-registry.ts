import { redisKeys, type WorkerReport } from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";
import type { WorkerRegistry } from "./expert-queue.js";

/** KEYS: reports, beats. ARGV: worker id, report. Times are of the Redis clock, so that hosts need not agree. */
const beatScript = new LuaScript(`
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1
`);

/** KEYS: reports, beats. ARGV: '1' for fresh or '0' for stale ones, patience in ms. Answers ids and reports in turn. */
const listScript = new LuaScript(`
local time = redis.call('TIME')
local since = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2]
local range = ARGV[1] == '1' and {since, '+inf'} or {'-inf', '(' .. since}
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], range[1], range[2])) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', KEYS[1], id) or ''
end
return found
`);

/** Settings of a {@link RedisWorkerRegistry}. */
export interface WorkerRegistryOptions {
  /** A worker whose last heartbeat is older is taken for dead. Default 2 s. */
  readonly patienceMs?: number;
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
    const [reports, beats] = keysOf(expert);
    await this.redis.pipeline().hdel(reports, workerId).zrem(beats, workerId).exec();
  }

  async alive(expert: string): Promise<WorkerReport[]> {
    const found = await this.list(expert, true);
    return found
      .filter(([, report]) => report !== "")
      .map(([, report]) => JSON.parse(report) as WorkerReport);
  }

  async reap(expert: string): Promise<number> {
    let handedBack = 0;
    for (const [workerId] of await this.list(expert, false)) {
      handedBack += await this.options.handBack(expert, workerId);
      await this.leave(expert, workerId);
    }
    return handedBack;
  }

  private async list(expert: string, fresh: boolean): Promise<[string, string][]> {
    const args = [fresh ? 1 : 0, this.options.patienceMs ?? 2_000];
    const flat = (await listScript.run(this.redis, keysOf(expert), args)) as string[];
    return Array.from({ length: flat.length / 2 }, (_, i) => [
      flat[2 * i] as string,
      flat[2 * i + 1] as string,
    ]);
  }
}

function keysOf(expert: string): [reports: string, beats: string] {
  return [redisKeys.workers(expert), redisKeys.heartbeats(expert)];
}
