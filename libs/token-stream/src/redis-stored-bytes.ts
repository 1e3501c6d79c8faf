import { redisKeys, type RequestRecord } from "@expert-router/contracts";
import { LuaScript } from "@expert-router/redis";
import type { RedisClient } from "@expert-router/redis";
import type { Retention } from "./redis-request-store.js";

/**
 * KEYS: the tenant's hash expiry → bytes. ARGV: in turn, ms that bytes are kept, and their number. Expiries are rounded up
 * to a 32nd of the retention and at least a minute, so the hash holds a few dozen fields. Answers the sum of what has not
 * expired, and the ms until the first of it does.
 */
const countScript = new LuaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #ARGV, 2 do
  local width = math.max(60000, math.ceil(ARGV[i] / 32))
  local expiry = math.ceil((now + ARGV[i]) / width) * width
  redis.call('HINCRBY', KEYS[1], string.format('%d', expiry), ARGV[i + 1])
end
local total, first, last = 0, nil, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local expiry = tonumber(all[i])
  if expiry <= now then redis.call('HDEL', KEYS[1], all[i])
  else
    total = total + all[i + 1]
    first = math.min(first or expiry, expiry)
    last = math.max(last, expiry)
  end
end
if last > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%d', last)) end
return {total, first and first - now or 0}
`);

/** What a tenant has stored, as it was counted last. */
export interface TenantTotal {
  readonly bytes: number;
  /** Until the oldest part of it expires. */
  readonly firstExpiryMs: number;
}

/** Lines of a batch do not count: each is forgotten once its answer is in the output, and few are on their way at a time. */
type Kind = Exclude<RequestRecord["kind"], "batch">;
interface Entry {
  readonly untold: Record<Kind, number>;
  total: TenantTotal;
  /** Counts since somebody asked for it or added to it. */
  idleCounts: number;
}

/** What others told of a tenant is learnt in so many counts after somebody asked for it last. */
const countsRefreshed = 5;
/** A tenant that nobody asked for in this many counts is forgotten here. */
const countsRemembered = 60;
/** Tenants remembered at once; far more than are active in a minute. */
const maxTenants = 100_000;

/**
 * About how many bytes each tenant has stored: bodies and answers count from the time they are accepted or written until
 * the retention of a finished request is over. Added up in this process and told to Redis once a second, so that a
 * request costs no command; what a crash leaves untold or uncounted is right again after the retention.
 */
export class RedisStoredBytes {
  private readonly tenants = new Map<string, Entry>();

  private counting: Promise<void> | undefined;

  constructor(
    private readonly redis: RedisClient,
    private readonly retention: Retention,
  ) {}

  add(tenant: string, kind: Kind, bytes: number): void {
    const entry = this.entry(tenant);
    if (entry !== undefined) entry.untold[kind] += bytes;
  }

  /** As known here: a tenant that was not asked for lately has nothing until the next {@link count}. */
  total(tenant: string): TenantTotal {
    const entry = this.entry(tenant);
    if (entry === undefined) return { bytes: 0, firstExpiryMs: 0 };
    return { ...entry.total, bytes: entry.total.bytes + entry.untold.sync + entry.untold.job };
  }

  /**
   * Tells what was added since the last call, and learns what other processes told. A call made while one is under way,
   * as once a second while Redis is away, is that one: the same bytes must not be told twice.
   */
  async count(): Promise<void> {
    this.counting ??= this.countAll().finally(() => (this.counting = undefined));
    return this.counting;
  }

  private async countAll(): Promise<void> {
    await Promise.all([...this.tenants].map(([tenant, entry]) => this.countOne(tenant, entry)));
  }

  private async countOne(tenant: string, entry: Entry): Promise<void> {
    const { sync, job } = entry.untold;
    const isIdle = sync === 0 && job === 0 && entry.idleCounts >= countsRefreshed;
    entry.idleCounts += 1;
    if (isIdle) {
      if (entry.idleCounts > countsRemembered) this.tenants.delete(tenant);
      return;
    }
    const args: number[] = [];
    if (sync > 0) args.push(this.retention.syncMs, sync);
    if (job > 0) args.push(this.retention.jobsMs, job);
    const reply = await countScript.run(this.redis, [redisKeys.tenantBytes(tenant)], args);
    const [bytes, firstExpiryMs] = reply as [number, number];
    // Only now: what is added or asked meanwhile counts with what is under way.
    entry.untold.sync -= sync;
    entry.untold.job -= job;
    entry.total = { bytes, firstExpiryMs };
  }

  private entry(tenant: string): Entry | undefined {
    let entry = this.tenants.get(tenant);
    if (entry === undefined) {
      if (this.tenants.size >= maxTenants) return undefined;
      entry = { untold: { sync: 0, job: 0 }, total: { bytes: 0, firstExpiryMs: 0 }, idleCounts: 0 };
      this.tenants.set(tenant, entry);
    }
    entry.idleCounts = 0;
    return entry;
  }
}
