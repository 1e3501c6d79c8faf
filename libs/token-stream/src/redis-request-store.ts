import {
  maxDeadlineS,
  redisKeys,
  type ControlMessage,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type RequestStatus,
  type Terminal,
} from "@expert-router/contracts";
import { isCluster, type RedisClient } from "@expert-router/redis";
import { encodeTime } from "ulid";
import { fromRequestHash, stateFields, toRequestHash } from "./request-hash.js";
import { closeScript, createOnceScript, recreateScript } from "./scripts.js";
import type { JobRange, RequestStore } from "./token-log.js";

/** How long finished requests are kept, in ms. */
export interface Retention {
  readonly syncMs: number;
  readonly jobsMs: number;
}

/** Time after its creation at which somebody looks for the first time whether a job was lost by the queue. */
const firstLookMs = 10_000;
/** A request that never reaches its end is forgotten this long after its deadline, or after its creation. */
const unfinishedTtlMs = { sync: 86_400_000, job: 8 * 86_400_000, batch: 86_400_000 } as const;

/** {@link RequestStore} in Redis. */
export class RedisRequestStore implements RequestStore {
  constructor(
    private readonly redis: RedisClient,
    private readonly options: { readonly retention: Retention; readonly now?: () => number },
  ) {}

  async create(
    record: RequestRecord,
    liveChannel?: string,
    { afterEpoch = 0 }: { readonly afterEpoch?: number | undefined } = {},
  ): Promise<boolean> {
    const ttlMs = unfinishedKeptMs(record);
    // Written at once and in this order; a pipeline would copy every script that hangs on the connection.
    const key = redisKeys.meta(record.id);
    const writes: Promise<unknown>[] = [];
    if (record.kind === "job" || record.repeatable === true) {
      // Before the record: what a crash leaves of these writes is their beginning, and a record that is left is looked at.
      const open = redisKeys.openJobs(record.decision.expert);
      writes.push(this.redis.zadd(open, record.createdAtMs + firstLookMs, record.id));
    }
    // Whoever finds the record there leaves all of this to who wrote it, so its place in the list comes first as well.
    if (isListed(record)) writes.push(...this.list(record));
    if (record.webhook !== undefined)
      writes.push(this.redis.zadd(redisKeys.pendingWebhooks, record.createdAtMs + firstLookMs, record.id));
    // Commands that a cluster makes the client send again come in any order.
    const inOrder = isCluster(this.redis);
    if (inOrder) await Promise.all(writes);
    const hash = toRequestHash(record, liveChannel);
    if (afterEpoch > 0) {
      const keys = [key, redisKeys.log(record.id)];
      writes.push(recreateScript.run(this.redis, keys, [ttlMs, afterEpoch, ...Object.entries(hash).flat()]));
    } else if (record.repeatable === true) {
      await Promise.all(writes);
      if ((await this.createOnce(record, liveChannel)).status !== "created") return false;
    } else {
      writes.push(this.redis.hset(key, hash));
      if (inOrder) await Promise.all(writes);
      writes.push(this.redis.pexpire(key, ttlMs));
    }
    await Promise.all(writes);
    return true;
  }

  /** Adds a job to the list of its tenant, and takes those out that are surely forgotten. */
  private list({ id, tenant }: RequestRecord): Promise<unknown>[] {
    const index = redisKeys.jobIndex(tenant);
    // By the longest deadline, which others in the list may have.
    const keptMs = maxDeadlineS * 1_000 + unfinishedTtlMs.job + this.options.retention.jobsMs;
    const oldest = encodeTime(Math.max(0, this.now() - keptMs), 10);
    return [
      this.redis.zadd(index, 0, id),
      this.redis.zremrangebylex(index, "-", `(req_${oldest}`),
      this.redis.pexpire(index, keptMs),
    ];
  }

  async createOnce(
    record: RequestRecord,
    liveChannel?: string,
  ): Promise<{ readonly status: RequestStatus | "created"; readonly expert: string }> {
    const args = [unfinishedKeptMs(record), ...Object.entries(toRequestHash(record, liveChannel)).flat()];
    const reply = await createOnceScript.run(this.redis, [redisKeys.meta(record.id)], args);
    const [status, expert] = reply as [RequestStatus | "created", string];
    return { status, expert: status === "created" ? record.decision.expert : expert };
  }

  async forget(ids: readonly RequestId[]): Promise<void> {
    await Promise.all(ids.map((id) => this.redis.unlink(redisKeys.meta(id), redisKeys.log(id))));
  }

  async read(id: RequestId): Promise<RequestState | undefined> {
    return fromRequestHash(await this.redis.hgetall(redisKeys.meta(id)));
  }

  async readMany(ids: readonly RequestId[]): Promise<(RequestState | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => {
        const values = await this.redis.hmget(redisKeys.meta(id), ...stateFields);
        const present = stateFields.flatMap((field, i) => (values[i] == null ? [] : [[field, values[i]]]));
        return fromRequestHash(Object.fromEntries(present) as Record<string, string>);
      }),
    );
  }

  async listJobs(tenant: string, { limit, above, below, oldestFirst }: JobRange): Promise<RequestId[]> {
    const key = redisKeys.jobIndex(tenant);
    const low = above === undefined ? "-" : `(${above}`;
    const high = below === undefined ? "+" : `(${below}`;
    const ids = await (oldestFirst === true
      ? this.redis.zrangebylex(key, low, high, "LIMIT", 0, limit)
      : this.redis.zrevrangebylex(key, high, low, "LIMIT", 0, limit));
    return ids as RequestId[];
  }

  async close(id: RequestId, terminal: Terminal): Promise<"closed" | "already-closed" | "gone"> {
    const keys = [redisKeys.meta(id), redisKeys.log(id)];
    const args = closeArguments(id, terminal, this.now(), this.options.retention);
    const [result, expert] = (await closeScript.run(this.redis, keys, args)) as [
      "closed" | "already-closed" | "gone",
      string,
    ];
    if (result === "closed") {
      const message: ControlMessage = { type: "cancel", id };
      await this.redis.publish(redisKeys.controlChannel(expert), JSON.stringify(message));
    }
    return result;
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

/** Responses live on their own like jobs, but have an interface of their own, which lists nothing. */
function isListed({ kind, response }: RequestRecord): boolean {
  return kind === "job" && response === undefined;
}

/** How long a request is kept that never reaches its end. */
function unfinishedKeptMs({ kind, createdAtMs, deadlineAtMs = 0 }: RequestRecord): number {
  return Math.max(0, deadlineAtMs - createdAtMs) + unfinishedTtlMs[kind];
}

/** The last deltas of an attempt, written together with its terminal entry. */
export interface LastDeltas {
  readonly epoch: number;
  readonly pen: string;
  readonly firstSeq: number;
  /** Empty if all deltas were appended before. */
  readonly entryId: string;
  readonly json: string;
}

/** ARGV of the close script. `deadKeptMs`: it becomes a dead letter that is kept so long. Without `attempt` the log is closed from outside, whoever writes it. */
export function closeArguments(
  id: RequestId,
  terminal: Terminal,
  nowMs: number,
  retention: Retention,
  attempt?: LastDeltas,
  deadKeptMs?: number,
): (string | number)[] {
  return [
    id,
    terminal.status,
    JSON.stringify(terminal),
    nowMs,
    retention.syncMs,
    retention.jobsMs,
    attempt?.epoch ?? "",
    attempt?.firstSeq ?? "",
    attempt?.entryId ?? "",
    attempt?.json ?? "",
    terminal.usage === undefined ? "" : JSON.stringify(terminal.usage),
    terminal.error === undefined ? "" : JSON.stringify(terminal.error),
    deadKeptMs ?? "",
    attempt?.pen ?? "",
  ];
}
