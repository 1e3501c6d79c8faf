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
import type { RedisClient } from "@expert-router/redis";
import { parseLogEntry } from "./log-entries.js";
import { RedisAttemptWriter, type SharedFlush, type TakenEntry } from "./redis-attempt-writer.js";
import type { Retention } from "./redis-request-store.js";
import { fromRequestHash, hashFromPairs } from "./request-hash.js";
import { appendScript, logGone, openScript } from "./scripts.js";
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
    const reply = await openScript.run(this.redis, keys, [
      id,
      options.workerId,
      options.continues.join(" "),
      this.now(),
    ]);
    const [mode, epoch, attempt, live, pairs] = reply as [AttemptMode, number, number, string, string[]];
    if (mode === "gone" || mode === "closed") return { mode, attempt: 0, accepted: [] };
    const request = fromRequestHash(hashFromPairs(pairs));
    if (request === undefined) throw new Error(`the record of ${id} is incomplete`);
    const writer = new RedisAttemptWriter(
      this.redis,
      id,
      epoch,
      live === "" ? [] : live.split(" "),
      this,
      this.options.retention,
    );
    this.attempts.set(id, writer);
    return {
      mode,
      attempt,
      request,
      accepted: mode === "continue" ? await this.acceptedDeltas(id, epoch) : [],
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
      for (let from = 0; from < writers.length; from += attemptsPerScript) {
        calls.push(this.append(channels, writers.slice(from, from + attemptsPerScript)));
      }
    }
    await Promise.all(calls);
  }

  private async append(channels: string, writers: readonly RedisAttemptWriter[]): Promise<void> {
    const entries = writers.map((writer) => writer.takeEntry());
    const keys = writers.slice(0, 1).map((writer) => writer.logKey);
    const args = entries.map(({ epoch, firstSeq, lastSeq, json }, at) => {
      const { id } = writers[at] as RedisAttemptWriter;
      return `${id} ${epoch} ${firstSeq} ${lastSeq} ${json}`;
    });
    try {
      const refused = (await appendScript.run(this.redis, keys, [channels, ...args])) as (number | string)[];
      for (let i = 0; i < refused.length; i += 2) {
        const at = refused[i] as number;
        const reason = String(refused[i + 1]);
        await this.settleRefusal(writers[at] as RedisAttemptWriter, (entries[at] as TakenEntry).id, reason);
      }
      for (const writer of writers) writer.entryDone();
    } catch (error) {
      const failure = new LogWriteFailed("the log could not be written", { cause: error });
      for (const writer of writers) writer.abort(failure);
    }
  }

  /**
   * An entry refused for its id means that somebody else owns the log now, unless the very entry is in it: then the
   * connection broke after Redis had run the script, and the client library sent it again.
   */
  private async settleRefusal(writer: RedisAttemptWriter, entryId: string, reason: string): Promise<void> {
    if (reason === logGone) return writer.abort(closedError);
    if (!reason.includes("ID specified in XADD")) return writer.abort(new LogWriteFailed(reason));
    const found = await this.redis.xrange(writer.logKey, entryId, entryId);
    if (found.length === 0) writer.abort(new Error("another attempt owns the log"));
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
