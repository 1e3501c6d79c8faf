import { redisKeys, type RequestId } from "@expert-router/contracts";
import type { connectRedis } from "@expert-router/redis";
import type { Outcome } from "./client.js";

/** A connection of its own to the Redis under test. */
export type ScenarioRedis = ReturnType<typeof connectRedis>;

/** What the system wrote down about a request. Times are Unix ms. */
export interface RequestTimes {
  readonly outcome: Outcome;
  readonly status: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly answerTokens: number;
  readonly totalTokens: number;
}

const readAtOnce = 500;

/** The records of those that were accepted; of all of them, or this throws. */
export async function recordsOf(redis: ScenarioRedis, outcomes: readonly Outcome[]): Promise<RequestTimes[]> {
  const accepted = outcomes.filter((outcome) => outcome.accepted);
  const found: RequestTimes[] = [];
  for (let at = 0; at < accepted.length; at += readAtOnce) {
    const page = accepted.slice(at, at + readAtOnce);
    found.push(...(await Promise.all(page.map((outcome) => recordOf(redis, outcome)))));
  }
  return found;
}

async function recordOf(redis: ScenarioRedis, outcome: Outcome): Promise<RequestTimes> {
  const [record, status, started, finished, usage] = await redis.hmget(
    redisKeys.meta(outcome.id as RequestId),
    "record",
    "status",
    "startedAtMs",
    "finishedAtMs",
    "usage",
  );
  if (!record || !status) throw new Error(`the record of ${outcome.id} is gone`);
  const { completion_tokens: answerTokens = 0, prompt_tokens: promptTokens = 0 } = JSON.parse(
    usage ?? "{}",
  ) as { completion_tokens?: number; prompt_tokens?: number };
  return {
    outcome,
    status,
    createdAtMs: (JSON.parse(record) as { createdAtMs: number }).createdAtMs,
    startedAtMs: started ? Number(started) : undefined,
    finishedAtMs: finished ? Number(finished) : undefined,
    answerTokens,
    totalTokens: answerTokens + promptTokens,
  };
}

/** How long those that started have waited, in ms. */
export function waitsMs(records: readonly RequestTimes[]): number[] {
  return records.flatMap(({ createdAtMs, startedAtMs }) =>
    startedAtMs === undefined ? [] : [startedAtMs - createdAtMs],
  );
}

/** A span of Unix time in ms. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Tokens of completed requests that were made within `span`; one that began before or ended after it counts by the
 * part of its time that lies inside.
 */
export function tokensWithin(
  records: readonly RequestTimes[],
  { fromMs, toMs }: Span,
  tokens: (record: RequestTimes) => number = ({ answerTokens }) => answerTokens,
): number {
  let total = 0;
  for (const record of records) {
    const { startedAtMs, finishedAtMs, status } = record;
    if (startedAtMs === undefined || finishedAtMs === undefined || status !== "completed") continue;
    const inside = Math.min(finishedAtMs, toMs) - Math.max(startedAtMs, fromMs);
    if (inside > 0) total += (tokens(record) * inside) / Math.max(1, finishedAtMs - startedAtMs);
  }
  return total;
}

/** Seconds of `span`. */
export function secondsOf({ fromMs, toMs }: Span): number {
  return (toMs - fromMs) / 1_000;
}
