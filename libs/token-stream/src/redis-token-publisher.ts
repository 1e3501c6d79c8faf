import { randomInt } from "node:crypto";
import {
  formatPosition,
  redisKeys,
  terminalPosition,
  type AttemptMode,
  type ControlMessage,
  type Delta,
  type Endpoint,
  type RequestId,
} from "@expert-router/contracts";
import { isCluster, type RedisClient } from "@expert-router/redis";
import { parseLogEntry } from "./log-entries.js";
import { RedisAttemptWriter, type SharedFlush } from "./redis-attempt-writer.js";
import type { Retention } from "./redis-request-store.js";
import { fromRequestHash, hashFromPairs } from "./request-hash.js";
import { appendScript, openScript, type AppendRefusal } from "./scripts.js";
import { LogWriteFailed, type OpenedAttempt, type TokenPublisher } from "./token-log.js";

/** Settings of a {@link RedisTokenPublisher}. */
export interface PublisherOptions {
  readonly retention: Retention;
  /** Least time between two flushes; an answer's first token waits no longer. Default 2 ms. */
  readonly minFlushMs?: number;
  /** The interval grows with the attempts that write, up to this. Default 50 ms. */
  readonly maxFlushMs?: number;
  readonly now?: () => number;
}

/** Attempts written by one script call; bounds how long a flush keeps Redis from others (about 1 ms). */
const attemptsPerScript = 256;
/** Flush interval that each open attempt adds, in ms: at 1,000 attempts an entry holds what 50 ms bring. */
const flushMsPerAttempt = 0.05;
const closedError = new Error("the log was closed");

/** Names an attempt among those that may have had its number, see scripts.ts. Short, because every entry holds it. */
function newPen(): string {
  return randomInt(36 ** 5).toString(36);
}

/**
 * {@link TokenPublisher} in Redis. Deltas of all attempts are coalesced: one script call appends them to their logs
 * and publishes what was accepted. Only one flush is on its way at a time, so that a slow Redis makes the batches
 * larger and not the queue longer.
 */
export class RedisTokenPublisher implements TokenPublisher, SharedFlush {
  private readonly attempts = new Map<RequestId, RedisAttemptWriter>();
  /** Attempts that wait for the next flush; `first` are those that have shown nothing yet. */
  private readonly dirty = new Set<RedisAttemptWriter>();
  private readonly first = new Set<RedisAttemptWriter>();
  private planned: { readonly atMs: number; readonly cancel: () => void } | undefined;
  private lastFlushMs = 0;
  private lastFullFlushMs = 0;
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly redis: RedisClient,
    private readonly options: PublisherOptions,
  ) {}

  async open(
    id: RequestId,
    options: { workerId: string; continues: readonly Endpoint[] },
  ): Promise<OpenedAttempt> {
    const keys = [redisKeys.meta(id), redisKeys.log(id)];
    const pen = newPen();
    const reply = await openScript.run(this.redis, keys, [
      id,
      options.workerId,
      options.continues.join(" "),
      this.now(),
      pen,
    ]);
    const [mode, epoch, attempt, live, pairs] = reply as [AttemptMode, number, number, string, string[]];
    if (mode === "gone" || mode === "closed") return { mode, attempt: 0, liveChannels: [], accepted: [] };
    const request = fromRequestHash(hashFromPairs(pairs));
    if (request === undefined) throw new Error(`the record of ${id} is incomplete`);
    const liveChannels = live === "" ? [] : live.split(" ");
    this.attempts.get(id)?.abort(new Error("another attempt owns the log"));
    const writer = new RedisAttemptWriter(
      this.redis,
      id,
      epoch,
      pen,
      liveChannels,
      this,
      this.options.retention,
    );
    this.attempts.set(id, writer);
    return {
      mode,
      attempt,
      request,
      liveChannels,
      accepted: mode === "continue" || mode === "interrupted" ? await this.acceptedDeltas(id, epoch) : [],
      writer,
    };
  }

  control(message: ControlMessage): void {
    const writer = this.attempts.get(message.id as RequestId);
    if (writer === undefined) return;
    if (message.type === "watch") writer.watch(message.channel);
    else writer.abort(closedError);
  }

  async recheck(): Promise<void> {
    for (const writer of [...this.attempts.values()]) {
      const [last] = await this.redis.xrevrange(writer.logKey, "+", "-", "COUNT", 1);
      if (last === undefined || last[0] === formatPosition(terminalPosition)) writer.abort(closedError);
    }
  }

  async stop(): Promise<void> {
    while (this.dirty.size > 0 || this.flushing !== undefined) {
      await (this.flushing ?? this.flush());
    }
    this.planned?.cancel();
  }

  markDirty(writer: RedisAttemptWriter): void {
    this.dirty.add(writer);
    if (writer.nothingShown) this.first.add(writer);
    this.schedule();
  }

  forget(writer: RedisAttemptWriter): void {
    this.dirty.delete(writer);
    this.first.delete(writer);
    if (this.attempts.get(writer.id) === writer) this.attempts.delete(writer.id);
  }

  now(): number {
    return (this.options.now ?? Date.now)();
  }

  async flushed(writer: RedisAttemptWriter): Promise<void> {
    while (this.dirty.has(writer)) await (this.flushing ?? this.flush());
    await this.flushing;
  }

  /** Plans the next flush: at once after a pause, else when the interval since the last one is over. */
  private schedule(): void {
    if (this.flushing !== undefined) return;
    const atMs =
      this.first.size > 0 ? this.lastFlushMs + this.minFlushMs : this.lastFullFlushMs + this.relaxedFlushMs;
    if (this.planned !== undefined) {
      if (this.planned.atMs <= atMs) return;
      this.planned.cancel();
    }
    const waitMs = atMs - performance.now();
    if (waitMs <= 0) {
      // Whatever else was read from engines in this turn of the event loop still comes along.
      const immediate = setImmediate(() => void this.flush());
      this.planned = { atMs, cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(() => void this.flush(), waitMs);
      this.planned = { atMs, cancel: () => clearTimeout(timer) };
    }
  }

  /** In a cluster the logs lie on different nodes, so each has a call of its own; all of them leave in one turn. */
  private get attemptsPerCall(): number {
    return isCluster(this.redis) ? 1 : attemptsPerScript;
  }

  private get minFlushMs(): number {
    return this.options.minFlushMs ?? 2;
  }

  private get relaxedFlushMs(): number {
    return Math.min(
      this.options.maxFlushMs ?? 50,
      Math.max(this.minFlushMs, this.attempts.size * flushMsPerAttempt),
    );
  }

  /** Flushes first tokens, and all that is dirty once the relaxed interval is over. Never rejects. */
  private flush(): Promise<void> {
    this.planned?.cancel();
    this.planned = undefined;
    const nowMs = performance.now();
    const full = this.first.size === 0 || nowMs - this.lastFullFlushMs >= this.relaxedFlushMs;
    this.lastFlushMs = nowMs;
    if (full) this.lastFullFlushMs = nowMs;
    const batch = [...(full ? this.dirty : this.first)];
    for (const writer of batch) {
      this.dirty.delete(writer);
      this.first.delete(writer);
    }
    this.flushing = this.write(batch).finally(() => {
      this.flushing = undefined;
      if (this.dirty.size > 0) this.schedule();
    });
    return this.flushing;
  }

  private async write(batch: readonly RedisAttemptWriter[]): Promise<void> {
    const byChannels = new Map<string, RedisAttemptWriter[]>();
    for (const writer of batch) {
      const channels = writer.channels;
      const group = byChannels.get(channels);
      if (group === undefined) byChannels.set(channels, [writer]);
      else group.push(writer);
    }
    const calls: Promise<void>[] = [];
    for (const [channels, writers] of byChannels) {
      for (let from = 0; from < writers.length; from += this.attemptsPerCall) {
        calls.push(this.append(channels, writers.slice(from, from + this.attemptsPerCall)));
      }
    }
    await Promise.all(calls);
  }

  private async append(channels: string, writers: readonly RedisAttemptWriter[]): Promise<void> {
    const entries = writers.map((writer) => writer.takeEntry());
    const keys = writers.slice(0, 1).map((writer) => writer.logKey);
    const args = entries.map(({ epoch, firstSeq, lastSeq, json }, at) => {
      const { id, pen } = writers[at] as RedisAttemptWriter;
      return `${id} ${epoch} ${pen} ${firstSeq} ${lastSeq} ${json}`;
    });
    try {
      const refused = (await appendScript.run(this.redis, keys, [channels, ...args])) as (number | string)[];
      for (let i = 0; i < refused.length; i += 2) {
        const at = refused[i] as number;
        this.settleRefusal(writers[at] as RedisAttemptWriter, String(refused[i + 1]));
      }
      for (const writer of writers) writer.entryDone();
    } catch (error) {
      const failure = new LogWriteFailed("the log could not be written", { cause: error });
      for (const writer of writers) writer.abort(failure);
    }
  }

  /** A Redis that came back without its last writes gets them again, as far as the attempt holds them. */
  private settleRefusal(writer: RedisAttemptWriter, reason: AppendRefusal | (string & {})): void {
    if (reason === "gone") return writer.abort(closedError);
    if (reason === "fenced") return writer.abort(new Error("another attempt owns the log"));
    if (reason === "forgotten") return writer.abort(new LogWriteFailed("Redis has lost the attempt"));
    const behind = /^behind (\d+)$/.exec(reason);
    if (behind === null) return writer.abort(new LogWriteFailed(reason));
    if (!writer.rewind(Number(behind[1])))
      return writer.abort(new LogWriteFailed("Redis has lost more than the attempt holds"));
    this.markDirty(writer);
  }

  /** What earlier attempts wrote, behind the last restart. */
  private async acceptedDeltas(id: RequestId, epoch: number): Promise<Delta[]> {
    let deltas: Delta[] = [];
    for (const [entryId, fields] of await this.redis.xrange(redisKeys.log(id), "-", `(${epoch}-0`)) {
      const entry = parseLogEntry(entryId, fields);
      if (entry.type === "deltas") deltas.push(...entry.deltas);
      else if (entry.type === "opening" && entry.mode === "restart") deltas = [];
    }
    return deltas;
  }
}
