import {
  redisKeys,
  type RequestId,
  type WebhookDelivery,
  type WebhookTarget,
} from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";

/** Where webhooks go, what became of them, and which requests with one have not been queued for delivery yet. */
export interface WebhookRecords {
  /** Where a request's webhook goes; undefined: it has none, or has expired. */
  target(id: RequestId): Promise<WebhookTarget | undefined>;
  /** Notes how the delivery stands. A request that has expired stays so. */
  note(id: RequestId, delivery: WebhookDelivery): Promise<void>;
  /** Requests with a webhook that are due for a look, at most `limit`; the record of a request enters them here. */
  due(nowMs: number, limit: number): Promise<RequestId[]>;
  /** They are due again at `atMs` (Unix time). */
  lookAgain(ids: readonly RequestId[], atMs: number): Promise<void>;
  /** They were queued for delivery, or are gone. */
  forget(ids: readonly RequestId[]): Promise<void>;
}

/** KEYS: meta. ARGV: delivery JSON. */
const noteScript = new LuaScript(`
if redis.call('HEXISTS', KEYS[1], 'webhook') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'delivery', ARGV[1])
return 1
`);

/** {@link WebhookRecords} in Redis. */
export class RedisWebhookRecords implements WebhookRecords {
  constructor(private readonly redis: RedisClient) {}

  async target(id: RequestId): Promise<WebhookTarget | undefined> {
    const target = await this.redis.hget(redisKeys.meta(id), "webhook");
    return target === null ? undefined : (JSON.parse(target) as WebhookTarget);
  }

  async note(id: RequestId, delivery: WebhookDelivery): Promise<void> {
    await noteScript.run(this.redis, [redisKeys.meta(id)], [JSON.stringify(delivery)]);
  }

  async due(nowMs: number, limit: number): Promise<RequestId[]> {
    const key = redisKeys.pendingWebhooks;
    return (await this.redis.zrangebyscore(key, "-inf", nowMs, "LIMIT", 0, limit)) as RequestId[];
  }

  async lookAgain(ids: readonly RequestId[], atMs: number): Promise<void> {
    if (ids.length === 0) return;
    // Only those that are still in it: another process may have taken one out.
    await this.redis.zadd(redisKeys.pendingWebhooks, "XX", ...ids.flatMap((id) => [atMs, id]));
  }

  async forget(ids: readonly RequestId[]): Promise<void> {
    if (ids.length > 0) await this.redis.zrem(redisKeys.pendingWebhooks, ...ids);
  }
}
