import {
  basePlan,
  deploymentPlanSchema,
  redisKeys,
  routerReplicaSchema,
  type DeploymentPlan,
  type RouterDeployment,
  type RouterReplica,
} from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";

/** KEYS: deployment. ARGV: revision seen, plan, channel. Answers 1, or 0 if the revision is another one by now. */
const changeScript = new LuaScript(`
local now = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
if now ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', now + 1, 'plan', ARGV[2])
redis.call('PUBLISH', ARGV[3], now + 1)
return 1
`);

/** KEYS: replicas, beats. ARGV: replica id, report. Times are of the Redis clock, so that hosts need not agree. */
const reportScript = new LuaScript(`
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1
`);

/** KEYS: replicas, beats. ARGV: patience in ms. Forgets those not heard for longer; answers the reports of the others. */
const replicasScript = new LuaScript(`
local time = redis.call('TIME')
local since = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. since)) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return redis.call('HVALS', KEYS[1])
`);

/** A replica that has not reported for this long is taken for gone. */
const patienceMs = 10_000;

const replicaKeys = [redisKeys.routerReplicas, redisKeys.routerReplicaBeats];

/** The deployment of the router and the reports of those who serve it, in Redis. */
export class RedisDeploymentStore {
  constructor(
    private readonly redis: RedisClient,
    private readonly options: { readonly patienceMs?: number } = {},
  ) {}

  /**
   * The deployment now; revision 0 if there never was one.
   * @throws Error if what Redis holds is not one, for instance of a later version of this program.
   */
  async read(): Promise<RouterDeployment> {
    const [revision, plan] = await this.redis.hmget(redisKeys.routerDeployment, "revision", "plan");
    if (revision == null || plan == null) return { ...basePlan, revision: 0 };
    return { ...deploymentPlanSchema.parse(JSON.parse(plan)), revision: Number(revision) };
  }

  /** Makes `plan` the one behind revision `seen` and tells all replicas; undefined if somebody else was first. */
  async change(seen: number, plan: DeploymentPlan): Promise<RouterDeployment | undefined> {
    // Only the fields of a plan: a whole deployment is a plan too.
    const { active, candidate, percent, shadow, previous } = plan;
    const fields = { active, candidate, percent, shadow, previous };
    const done = await changeScript.run(
      this.redis,
      [redisKeys.routerDeployment],
      [seen, JSON.stringify(fields), redisKeys.routerChannel],
    );
    return done === 1 ? { ...fields, revision: seen + 1 } : undefined;
  }

  /** What a replica runs; to be repeated well inside of the patience. */
  async report(replica: RouterReplica): Promise<void> {
    await reportScript.run(this.redis, replicaKeys, [replica.id, JSON.stringify(replica)]);
  }

  /** The replica ends. */
  async withdraw(id: string): Promise<void> {
    const [replicas, beats] = replicaKeys;
    await this.redis.pipeline().hdel(replicas!, id).zrem(beats!, id).exec();
  }

  /** The replicas that live, oldest first. */
  async replicas(): Promise<RouterReplica[]> {
    const reports = await replicasScript.run(this.redis, replicaKeys, [
      this.options.patienceMs ?? patienceMs,
    ]);
    return (reports as string[])
      .map((report) => routerReplicaSchema.parse(JSON.parse(report)))
      .sort((a, b) => a.started_at_ms - b.started_at_ms || a.id.localeCompare(b.id));
  }
}
