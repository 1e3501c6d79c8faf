import {
  formatPosition,
  redisKeys,
  terminalPosition,
  type Delta,
  type RequestId,
  type Terminal,
} from "@expert-router/contracts";
import type { connectRedis } from "@expert-router/redis";

/** A connection of its own to the Redis under test, past every proxy. */
export type AuditRedis = ReturnType<typeof connectRedis>;

/** Behind it Redis takes nothing more. */
const closingId = formatPosition(terminalPosition);

/** A request as Redis has it. */
export interface AuditedLog {
  readonly id: RequestId;
  /** Undefined if the record is gone, or never was. */
  readonly status: string | undefined;
  readonly attempts: number;
  /** Text that was accepted, behind the last restart. */
  readonly text: string;
  readonly openings: number;
  readonly terminal: Terminal | undefined;
  /** Entry ids with what they are, for evidence. */
  readonly entries: readonly string[];
  readonly problems: readonly string[];
}

/** Reads a request's record and log, and checks the log by itself. */
export async function auditLog(redis: AuditRedis, id: RequestId): Promise<AuditedLog> {
  const [meta, entries] = await Promise.all([
    redis.hmget(redisKeys.meta(id), "status", "attempts"),
    redis.xrange(redisKeys.log(id), "-", "+"),
  ]);
  const problems: string[] = [];
  const terminals: Terminal[] = [];
  const words: string[] = [];
  let [text, openings, epoch, seq] = ["", 0, 0, 0];
  for (const [entryId, [kind, value = ""]] of entries as [string, string[]][]) {
    const [entryEpoch = 0, entrySeq = 0] = entryId.split("-").map(Number);
    if (terminals.length > 0) problems.push(`${entryId} stands behind the terminal entry`);
    if (kind === "t") {
      if (entryId !== closingId) problems.push(`${entryId} ends the log without closing it`);
      terminals.push(JSON.parse(value) as Terminal);
      words.push(`${entryId} end ${value}`);
    } else if (kind === "o") {
      openings += 1;
      [epoch, seq] = [entryEpoch, 0];
      if (value === "restart") text = "";
      words.push(`${entryId} opened: ${value}`);
    } else {
      const deltas = JSON.parse(value) as Delta[];
      if (entryEpoch !== epoch) problems.push(`${entryId} is of an attempt that was not opened`);
      if (entrySeq !== seq + deltas.length) {
        problems.push(`${entryId} holds ${deltas.length} deltas behind ${epoch}-${seq}`);
      }
      seq = entrySeq;
      text += deltas.filter((delta) => typeof delta === "string").join("");
      words.push(`${entryId} ${deltas.length} deltas`);
    }
  }
  if (terminals.length > 1) problems.push(`${terminals.length} terminal entries`);
  const [status, attempts] = meta;
  return {
    id,
    status: status ?? undefined,
    attempts: Number(attempts ?? 0),
    text,
    openings,
    terminal: terminals[0],
    entries: words,
    problems,
  };
}

/** Ids of all requests that Redis knows. */
export async function allRequestIds(redis: AuditRedis): Promise<Set<RequestId>> {
  const ids = new Set<RequestId>();
  for (let cursor = "0"; ;) {
    const [next, keys] = await redis.scan(cursor, "MATCH", "er:{req_*}:meta", "COUNT", 1_000);
    for (const key of keys) ids.add(key.slice("er:{".length, key.indexOf("}")) as RequestId);
    cursor = next;
    if (cursor === "0") return ids;
  }
}
