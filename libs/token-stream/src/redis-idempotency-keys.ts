import { createHash } from "node:crypto";
import { redisKeys } from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";
import type { ClaimResult, IdempotencyKeys, KeyClaim } from "./idempotency-keys.js";

/** Time in which an owner makes its work; longer than a command may take. */
const leaseMs = 10_000;

/**
 * KEYS: claim. ARGV: fingerprint, id, owner, lease in ms, ms that the key is kept, id that is replaced or ''. The clock is Redis's
 * own. An owner that is '' has made its work.
 */
const claimScript = new LuaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'id', 'owner', 'leased')
local function take(id)
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'id', id, 'owner', ARGV[3], 'leased', now + ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return {'mine', id}
end
if not found[1] then return take(ARGV[2]) end
local made, same = found[3] == '', found[1] == ARGV[1]
if not made and found[3] ~= ARGV[3] and tonumber(found[4]) > now then return {same and 'busy' or 'other'} end
if found[2] == ARGV[6] and (made or not same) then return take(ARGV[2]) end
if not same then return {'other', found[2]} end
if made then return {'made', found[2]} end
return take(found[2])
`);

/** KEYS: claim. ARGV: owner. */
const madeScript = new LuaScript(`
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('HSET', KEYS[1], 'owner', '')
`);

/** KEYS: claim. ARGV: owner. */
const releaseClaimScript = new LuaScript(`
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** {@link IdempotencyKeys} in Redis: a hash a key, which expires. */
export class RedisIdempotencyKeys implements IdempotencyKeys {
  constructor(
    private readonly redis: RedisClient,
    private readonly options: { readonly leaseMs?: number } = {},
  ) {}

  async claim(claim: KeyClaim): Promise<ClaimResult> {
    const { fingerprint, id, owner, ttlMs, replaces = "" } = claim;
    const args = [fingerprint, id, owner, this.options.leaseMs ?? leaseMs, ttlMs, replaces];
    const [state, workId] = (await claimScript.run(this.redis, [keyOf(claim)], args)) as [string, string?];
    return (workId === undefined ? { state } : { state, id: workId }) as ClaimResult;
  }

  async made(claim: KeyClaim): Promise<void> {
    await madeScript.run(this.redis, [keyOf(claim)], [claim.owner]);
  }

  async release(claim: KeyClaim): Promise<void> {
    await releaseClaimScript.run(this.redis, [keyOf(claim)], [claim.owner]);
  }
}

/** Keys may be long and secret, so they are hashed. */
function keyOf({ tenant, key }: KeyClaim): string {
  return redisKeys.idempotencyClaim(tenant, createHash("sha256").update(key).digest("hex").slice(0, 32));
}
