import {
  joinUsage,
  addUsage,
  encodeChunk,
  noUsage,
  type BatchResult,
  type DoneLines,
} from "@expert-router/batch";
import type { BatchId, BatchUsage, RequestId } from "@expert-router/contracts";
import type { IngressPorts } from "../wiring/ports.js";
import type { BatchArchive } from "./batch-archive.js";

/** Results that are written down at once at most, and those that may wait for it. */
const maxChunkLines = 2_000;
const maxChunkBytes = 4 * 1_048_576;
const maxWaitingBytes = 16 * 1_048_576;
/** Of one call of `writeDue`: a cancellation is looked for behind it. */
const maxChunksAtOnce = 4;
/** Results are written down after a second while a batch is young, after a minute once it is an hour old. */
const minDelayMs = 1_000;
const maxDelayMs = 60_000;
const shareOfAge = 1 / 60;

/** Where a batch stands in the store. */
export interface WrittenResults {
  readonly done: DoneLines;
  readonly chunks: number;
  /** Number of the newest one: more than `chunks` where the store lost one. */
  readonly lastChunk: number;
  readonly completed: number;
  readonly failed: number;
  readonly usage: BatchUsage;
}

/**
 * Writes results down, many at once and each once. A result that is not written down yet is still in Redis, so a crash loses
 * nothing; once it is, Redis may forget the request.
 */
export class ResultWriter {
  private waiting: { readonly result: BatchResult; readonly id: RequestId | undefined }[] = [];
  private waitingBytes = 0;
  private oldestAtMs = 0;
  private writing: Promise<void> | undefined;
  private chunks: number;
  private lastChunk: number;
  private counts: { completed: number; failed: number };
  private usage: BatchUsage;

  constructor(
    private readonly ports: Pick<IngressPorts, "store">,
    private readonly archive: BatchArchive,
    private readonly at: { readonly tenant: string; readonly id: BatchId; readonly createdAtMs: number },
    private readonly written: WrittenResults,
  ) {
    this.chunks = written.chunks;
    this.lastChunk = written.lastChunk;
    this.counts = { completed: written.completed, failed: written.failed };
    this.usage = written.usage;
  }

  /** Of all results, also those that are not written down yet. */
  get progress(): { readonly completed: number; readonly failed: number; readonly usage: BatchUsage } {
    return { ...this.counts, usage: this.usage };
  }

  /** Chunks that are written down. */
  get chunkCount(): number {
    return this.chunks;
  }

  /** So much waits to be written that no more should come. */
  get isBehind(): boolean {
    return this.waitingBytes >= maxWaitingBytes;
  }

  /** `id`: the request that Redis may forget afterwards. */
  add(result: BatchResult, id?: RequestId): void {
    if (this.written.done.has(result.line)) return;
    this.written.done.add(result.line);
    if (this.waiting.length === 0) this.oldestAtMs = Date.now();
    this.waiting.push({ result, id });
    this.waitingBytes += result.text.length;
    if (result.part === "output") this.counts.completed += 1;
    else this.counts.failed += 1;
    if (result.usage !== undefined) this.usage = addUsage(this.usage, result.usage);
  }

  /** Writes down what is due, as far as it does not take long. @throws BatchTaken, FileStoreUnavailable */
  async writeDue(nowMs: number): Promise<void> {
    for (let chunks = 0; chunks < maxChunksAtOnce && this.isDue(nowMs); chunks++) await this.writeSome();
  }

  private isDue(nowMs: number): boolean {
    if (this.waiting.length === 0) return false;
    if (this.waiting.length >= maxChunkLines || this.waitingBytes >= maxChunkBytes) return true;
    const delayMs = Math.min(maxDelayMs, Math.max(minDelayMs, (nowMs - this.at.createdAtMs) * shareOfAge));
    return nowMs - this.oldestAtMs >= delayMs;
  }

  /** Writes down all that waits. @throws BatchTaken, FileStoreUnavailable */
  async writeAll(): Promise<void> {
    while (this.waiting.length > 0 || this.writing !== undefined) await this.writeSome();
  }

  /** One chunk at a time. */
  private async writeSome(): Promise<void> {
    this.writing ??= this.writeChunk().finally(() => (this.writing = undefined));
    await this.writing;
  }

  private async writeChunk(): Promise<void> {
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && count < maxChunkLines && bytes < maxChunkBytes)
      bytes += this.waiting[count++]!.result.text.length;
    if (count === 0) return;
    const some = this.waiting.slice(0, count);
    const chunk = encodeChunk(some.map(({ result }) => result));
    await this.archive.addChunk(this.at.tenant, this.at.id, this.lastChunk + 1, chunk);
    this.lastChunk += 1;
    this.chunks += 1;
    this.waiting = this.waiting.slice(count);
    this.waitingBytes -= bytes;
    this.oldestAtMs = Date.now();
    const ids = some.flatMap(({ id }) => id ?? []);
    // What Redis keeps longer costs memory only.
    await this.ports.store.forget(ids).catch(() => undefined);
  }
}

/** What the chunks of a batch say. */
export async function readWritten(
  archive: BatchArchive,
  tenant: string,
  id: BatchId,
  done: DoneLines,
): Promise<WrittenResults> {
  let [chunks, lastChunk, completed, failed, usage] = [0, 0, 0, 0, noUsage];
  for await (const { number, header } of archive.chunks(tenant, id)) {
    done.addChunk(header);
    chunks += 1;
    lastChunk = number;
    completed += header.completed;
    failed += header.failed;
    usage = joinUsage(usage, header.usage);
  }
  return { done, chunks, lastChunk, completed, failed, usage };
}
