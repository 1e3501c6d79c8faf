import {
  fileLines,
  isBatchError,
  orderedByPrefix,
  readBatchLine,
  readLinesAt,
  type BatchLine,
  type BatchResult,
  type FileLine,
} from "@expert-router/batch";
import {
  CodedError,
  type Batch,
  type DecisionRecord,
  type Endpoint,
  type FileId,
  type RequestRecord,
} from "@expert-router/contracts";
import type { StorageAdmission } from "../admission/storage-admission.js";
import type { StoredFiles } from "../files/stored-file.js";
import { HeldBackLines } from "./held-back-lines.js";
import type { LineRequests } from "./line-requests.js";
import type { LineToRun, LineWindow } from "./line-window.js";

/** Lines that are put in the order of their prefixes together, and their bytes. */
const orderedLines = 2_000;
const orderedBytes = 4 * 1_048_576;
/** Lines that are classified, recorded and queued together. */
const linesAtOnce = 128;
/** So many lots that hold nothing to run are read a second at most, while other lines keep engines busy. */
const fruitlessLots = 4;
const fruitlessPauseMs = 1_000;
/** Held back lines are read again once there is room for this part of the bound. */
const worthReading = 1 / 4;
/** With so much of its bound free, an expert soon has nothing to do. */
const hungry = 1 / 2;

/** Of the lines of one batch that are on their way to one expert; the last one may exceed the bytes. */
export interface LineBound {
  readonly lines: number;
  readonly bytes: number;
  /** Whether any worker runs lines of this expert. */
  readonly served: boolean;
}

/** What the router said of lines that were held back, by line. */
type Decisions = ReadonlyMap<number, DecisionRecord>;

/** What a {@link LineFeed} works with. */
export interface LineFeedParts {
  readonly files: StoredFiles;
  readonly lines: LineRequests;
  readonly storage: StorageAdmission;
}

/** Where the lines go, and what says how many. */
export interface LineFeedOptions {
  readonly tenant: string;
  readonly window: LineWindow;
  /** Takes results that no engine had to give. */
  readonly writer: { add(result: BatchResult): void; readonly isBehind: boolean };
  readonly isDone: (line: number) => boolean;
  /** By expert; asked again and again. */
  readonly bounds: () => ReadonlyMap<string, LineBound>;
  readonly signal: AbortSignal;
}

/**
 * Reads the file of a batch and puts each line on its way as soon as its own expert has room. A line whose expert has none is
 * held back and read again later, so that an expert that is slow or away keeps nobody else waiting.
 */
export class LineFeed {
  private readonly heldBack = new HeldBackLines();
  /** Lots of lines in a row of which none could be run, and until when it stays at that. */
  private fruitless = 0;
  private pausedUntilMs = 0;

  constructor(
    private readonly parts: LineFeedParts,
    private readonly batch: Batch,
    private readonly options: LineFeedOptions,
  ) {}

  /** Resolves when every line that had no result is on its way, or has one. Answers whether the file was there. */
  async run(): Promise<boolean> {
    const { tenant, isDone, signal } = this.options;
    const body = await this.parts.files.content(tenant, this.batch.input_file_id as FileId);
    if (body === undefined) return false;
    let some: BatchLine[] = [];
    let bytes = 0;
    for await (const lines of fileLines(body)) {
      signal.throwIfAborted();
      for (const found of lines) {
        if (isDone(found.line)) continue;
        const line = this.read(found);
        some.push(line);
        bytes += line.bytes;
      }
      if (some.length < orderedLines && bytes < orderedBytes) continue;
      await this.feed(orderedByPrefix(some));
      [some, bytes] = [[], 0];
    }
    await this.feed(orderedByPrefix(some));
    while (this.heldBack.size > 0) {
      if (!(await this.feedHeldBack())) await this.changed();
    }
    return true;
  }

  private async feed(lines: readonly BatchLine[]): Promise<void> {
    for (let from = 0; from < lines.length; from += linesAtOnce) {
      await this.room();
      await this.put(lines.slice(from, from + linesAtOnce));
    }
  }

  /** Resolves when it makes sense to look at further lines. */
  private async room(): Promise<void> {
    for (;;) {
      this.options.signal.throwIfAborted();
      const readAgain = await this.feedHeldBack();
      if (this.mayReadOn()) return;
      if (!readAgain) await this.changed();
    }
  }

  private mayReadOn(): boolean {
    const { window, writer } = this.options;
    if (writer.isBehind) return false;
    if (window.isEnding) return true;
    if (this.parts.storage.isFull) return false;
    let [most, busy] = [0, false];
    for (const [expert, bound] of this.options.bounds()) {
      const room = this.roomOf(expert, bound);
      most = Math.max(most, room / bound.lines);
      if (room === 0 && bound.served) busy = true;
    }
    // Looking for lines of idle engines costs the lines of busy ones twice the reading.
    return busy ? most >= hungry && Date.now() >= this.pausedUntilMs : most > 0;
  }

  /** Lines that may go to an expert now. */
  private roomOf(expert: string, bound: LineBound): number {
    const { lines, bytes } = this.options.window.of(expert);
    return bytes < bound.bytes ? Math.max(0, bound.lines - lines) : 0;
  }

  /** Puts lines on their way whose expert has room again. Answers whether there were any. */
  private async feedHeldBack(): Promise<boolean> {
    const { tenant, window, writer } = this.options;
    let any = false;
    for (const expert of this.heldBack.experts) {
      if (writer.isBehind || (this.parts.storage.isFull && !window.isEnding)) return any;
      const bound = this.options.bounds().get(expert)!;
      const waiting = this.heldBack.of(expert);
      const room = window.isEnding ? waiting : this.roomOf(expert, bound);
      if (room < Math.min(waiting, bound.lines * worthReading) || room === 0) continue;
      const taken = this.heldBack.take(expert, {
        lines: Math.min(room, linesAtOnce),
        bytes: window.isEnding ? orderedBytes : bound.bytes - window.of(expert).bytes,
      });
      const fileId = this.batch.input_file_id as FileId;
      const found = await readLinesAt(taken, (range) => this.parts.files.content(tenant, fileId, range));
      const decisions = new Map(taken.map(({ line, decision }) => [line, decision]));
      await this.put(orderedByPrefix(found.map((line) => this.read(line))), decisions);
      any = true;
      // Behind the last of them there may be more in the file.
      if (this.heldBack.of(expert) === 0) this.pausedUntilMs = 0;
    }
    return any;
  }

  /** Puts lines on their way, holds them back, or writes their results down. */
  private async put(lines: readonly BatchLine[], decisions: Decisions = new Map()): Promise<void> {
    const { window, writer, signal } = this.options;
    const made = await this.requests(lines, decisions);
    signal.throwIfAborted();
    if (made === undefined) return window.withdraw(lines);
    const bounds = this.options.bounds();
    const toRun: LineToRun[] = [];
    const onTheirWay = new Map<string, { lines: number; bytes: number }>();
    for (const [i, one] of made.entries()) {
      const line = lines[i]!;
      if ("part" in one) {
        writer.add(one);
        continue;
      }
      const { expert } = one.decision;
      const bound = bounds.get(expert)!;
      const on = onTheirWay.get(expert) ?? window.of(expert);
      if (on.lines >= bound.lines || on.bytes >= bound.bytes) {
        this.heldBack.add(line, one.decision);
        continue;
      }
      toRun.push({ line, record: one });
      onTheirWay.set(expert, { lines: on.lines + 1, bytes: on.bytes + line.bytes });
    }
    this.count(toRun.length);
    await window.submit(toRun);
  }

  private count(toRun: number): void {
    this.fruitless = toRun === 0 ? this.fruitless + 1 : 0;
    if (this.fruitless < fruitlessLots) return;
    this.fruitless = 0;
    this.pausedUntilMs = Date.now() + fruitlessPauseMs;
  }

  /** The requests of lines, or their results where they are none; undefined once lines are ended instead of run. */
  private async requests(
    lines: readonly BatchLine[],
    decisions: Decisions,
  ): Promise<(RequestRecord | BatchResult)[] | undefined> {
    const { tenant, window } = this.options;
    while (!window.isEnding) {
      try {
        const { batch, parts } = this;
        return await Promise.all(
          lines.map((line) => parts.lines.request(batch, tenant, line, decisions.get(line.line))),
        );
      } catch (error) {
        // The router is busy with others; it says so of the moment, not of the line.
        if (!(error instanceof CodedError) || !error.definition.retryable) throw error;
        await this.changed();
      }
    }
    return undefined;
  }

  private read(found: FileLine): BatchLine {
    const line = readBatchLine(found, this.batch.endpoint as Endpoint);
    // It was read before, so only a fault of the store can have changed it.
    if (isBatchError(line)) throw new Error(`line ${found.line} of ${this.batch.input_file_id} has changed`);
    return line;
  }

  private async changed(): Promise<void> {
    const { window, signal } = this.options;
    signal.throwIfAborted();
    await window.changed();
    signal.throwIfAborted();
  }
}
