import { redisKeys, type Delta, type RequestId, type Terminal } from "@expert-router/contracts";
import type { RedisClient } from "@expert-router/redis";
import { closeArguments, type Retention } from "./redis-request-store.js";
import { closeScript, releaseScript } from "./scripts.js";
import { LogWriteFailed, type AttemptWriter } from "./token-log.js";

/** Deltas that may wait for a flush before the engine is asked to hold on. */
const maxPending = 1_024;
/** Written deltas that an attempt still holds, for a Redis that comes back without its last ones. */
const maxHeld = 1_024;
/** A log that ends elsewhere each time it is looked at does not settle. */
const maxCloseTries = 4;

/** Pending deltas, taken to be written as one log entry. */
export interface TakenEntry {
  readonly epoch: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly deltas: readonly Delta[];
  /** Of the entry, `<epoch>-<last seq>`. */
  readonly id: string;
  readonly json: string;
}

/** Who flushes the writers of a process. */
export interface SharedFlush {
  /** Something of `writer` waits to be flushed. */
  markDirty(writer: RedisAttemptWriter): void;
  /** `writer` needs no further flush. */
  forget(writer: RedisAttemptWriter): void;
  /** Resolves when what `writer` marked before the call has been flushed. */
  flushed(writer: RedisAttemptWriter): Promise<void>;
  /** Unix time in ms. */
  now(): number;
}

/** {@link AttemptWriter} whose flushes are coalesced with those of others. */
export class RedisAttemptWriter implements AttemptWriter {
  readonly logKey: string;
  private readonly aborter = new AbortController();
  private pending: Delta[] = [];
  /** Entries taken last, oldest first. */
  private held: TakenEntry[] = [];
  private heldDeltas = 0;
  /** Sequence number of the last delta that was taken for an entry. */
  private seq = 0;
  private channelList: string;
  private room: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(
    private readonly redis: RedisClient,
    readonly id: RequestId,
    private readonly epoch: number,
    readonly pen: string,
    channels: readonly string[],
    private readonly flush: SharedFlush,
    private readonly retention: Retention,
  ) {
    this.logKey = redisKeys.log(id);
    this.channelList = channels.join(" ");
  }

  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  /** The live channels to publish on, separated by spaces. */
  get channels(): string {
    return this.channelList;
  }

  /** Whether no delta was written so far. */
  get nothingShown(): boolean {
    return this.seq === 0;
  }

  append(delta: Delta): boolean {
    if (this.signal.aborted) return true;
    if (this.pending.push(delta) === 1) this.flush.markDirty(this);
    return this.pending.length < maxPending;
  }

  async drained(): Promise<void> {
    if (this.pending.length < maxPending || this.signal.aborted) return;
    if (this.room === undefined) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => (resolve = done));
      this.room = { promise, resolve };
    }
    await this.room.promise;
  }

  async close(terminal: Terminal, options: { deadKeptMs?: number } = {}): Promise<"closed" | "refused"> {
    if (this.signal.aborted) return this.refused();
    this.flush.forget(this);
    const keys = [redisKeys.meta(this.id), this.logKey];
    for (let tries = 1; ; tries++) {
      // What is still pending travels with the terminal entry.
      const last = this.pending.length === 0 ? undefined : this.takeEntry();
      const lastDeltas = {
        epoch: this.epoch,
        pen: this.pen,
        firstSeq: last?.firstSeq ?? this.seq + 1,
        entryId: last?.id ?? "",
        json: last?.json ?? "",
      };
      const nowMs = this.flush.now();
      const args = closeArguments(this.id, terminal, nowMs, this.retention, lastDeltas, options.deadKeptMs);
      const [result, , , lastSeq] = (await closeScript.run(this.redis, keys, args)) as string[];
      if (result !== "behind") return result === "closed" ? "closed" : "refused";
      // An earlier entry comes late, or Redis has lost some.
      await this.flush.flushed(this);
      if (this.signal.aborted) return this.refused();
      if (tries === maxCloseTries || !this.rewind(Number(lastSeq)))
        throw new LogWriteFailed("an entry of the log is missing");
    }
  }

  async release(options: { uncounted?: boolean; continuable?: false } = {}): Promise<void> {
    await this.flush.flushed(this);
    this.flush.forget(this);
    const { uncounted = false, continuable } = options;
    if (!uncounted && continuable === undefined) return;
    const args = [uncounted ? "1" : "", continuable === false ? "1" : ""];
    await releaseScript.run(this.redis, [redisKeys.meta(this.id)], args);
  }

  /** Publishes to one channel more. What was published before, its follower reads in the log. */
  watch(channel: string): void {
    if (!` ${this.channelList} `.includes(` ${channel} `))
      this.channelList = `${this.channelList} ${channel}`.trim();
  }

  /** Ends this attempt's right to write, or, by {@link LogWriteFailed}, its ability. */
  abort(reason: Error): void {
    this.pending = [];
    this.held = [];
    this.flush.forget(this);
    this.aborter.abort(reason);
    this.entryDone();
  }

  private refused(): "refused" {
    if (this.signal.reason instanceof LogWriteFailed) throw this.signal.reason;
    return "refused";
  }

  /** Takes what is pending. */
  takeEntry(): TakenEntry {
    const { epoch, pending: deltas } = this;
    const firstSeq = this.seq + 1;
    this.seq += deltas.length;
    this.pending = [];
    const lastSeq = this.seq;
    const entry = {
      epoch,
      firstSeq,
      lastSeq,
      deltas,
      id: `${epoch}-${lastSeq}`,
      json: JSON.stringify(deltas),
    };
    this.hold(entry);
    return entry;
  }

  /** Makes pending again what was taken behind `seq`, where the log ends. False if that is not held any more. */
  rewind(seq: number): boolean {
    if (seq > this.seq || seq < (this.held[0]?.firstSeq ?? this.seq + 1) - 1) return false;
    const again: Delta[] = [];
    const kept: TakenEntry[] = [];
    for (const entry of this.held) {
      if (entry.lastSeq <= seq) kept.push(entry);
      else again.push(...entry.deltas.slice(Math.max(0, seq + 1 - entry.firstSeq)));
    }
    this.held = kept;
    this.heldDeltas = kept.reduce((sum, { deltas }) => sum + deltas.length, 0);
    this.pending = [...again, ...this.pending];
    this.seq = seq;
    return true;
  }

  private hold(entry: TakenEntry): void {
    this.held.push(entry);
    this.heldDeltas += entry.deltas.length;
    while (this.heldDeltas - (this.held[0] as TakenEntry).deltas.length >= maxHeld) {
      this.heldDeltas -= (this.held.shift() as TakenEntry).deltas.length;
    }
  }

  /** The entry taken last is in the log, or will never be. */
  entryDone(): void {
    this.room?.resolve();
    this.room = undefined;
  }
}
