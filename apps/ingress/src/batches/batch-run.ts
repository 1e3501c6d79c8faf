import { DoneLines, validateBatchFile, type BatchProgress, type UnrunCode } from "@expert-router/batch";
import type { Batch, BatchError, Endpoint, FileId, Terminal } from "@expert-router/contracts";
import { deadlineExceeded } from "../http/error-answer.js";
import { BatchTaken, type BatchArchive, type BatchVersion } from "./batch-archive.js";
import { writeBatchFiles } from "./batch-files.js";
import { inStatus, isEnded } from "./batch-states.js";
import { LineFeed, type LineBound, type LineFeedParts } from "./line-feed.js";
import { LineWindow, type LineWindowParts } from "./line-window.js";
import type { OpenBatch } from "./open-batches.js";
import { readWritten, ResultWriter } from "./result-writer.js";

/** What a {@link BatchRun} works with. */
export interface BatchRunParts extends LineWindowParts, LineFeedParts {
  readonly archive: BatchArchive;
}

/** One batch, run by the process that holds it, from where the store says it stands. */
export class BatchRun {
  private stored: BatchVersion | undefined;
  private writer: ResultWriter | undefined;
  private window: LineWindow | undefined;
  private done: DoneLines | undefined;
  /** Why lines are not run any more. */
  private unrunCode: UnrunCode | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly parts: BatchRunParts,
    readonly batch: OpenBatch,
    /** By expert; asked again and again, because experts are shared with other batches. */
    private readonly bounds: () => ReadonlyMap<string, LineBound>,
  ) {}

  /** What the batch has come to; undefined before it runs lines. */
  get progress(): BatchProgress | undefined {
    if (this.writer === undefined || this.stored === undefined) return undefined;
    const { completed, failed, usage } = this.writer.progress;
    return { counts: { total: this.stored.batch.request_counts.total, completed, failed }, usage };
  }

  /** Ends it without a result; its requests go on, and another run takes them up. */
  stop(reason: Error): void {
    this.stopping.abort(reason);
    this.window?.wakeUp();
  }

  /** Runs it to its end. Answers whether it got there; rejects with what stopped it. */
  async run(): Promise<boolean> {
    const { archive } = this.parts;
    const { id, tenant } = this.batch;
    this.stored = await archive.read(tenant, id);
    if (this.stored === undefined) return false;
    try {
      while (!isEnded(this.stored.batch.status)) await this.nextStatus(this.stored.batch);
      await archive.removeChunks(tenant, id);
      return true;
    } catch (error) {
      // What is known is written down all the same, unless somebody else does it by now.
      if (!(error instanceof BatchTaken)) await this.writer?.writeAll().catch(() => undefined);
      throw error;
    } finally {
      this.window?.stop();
    }
  }

  /** To be called about once a second: writes results down, looks after lines, sees that it is cancelled or expires. */
  async tick(nowMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    try {
      await this.writer?.writeDue(nowMs);
      this.window?.wakeUp();
      await this.lookForEnd(nowMs);
      await this.window?.lookAfter(nowMs);
    } catch (error) {
      this.stop(error as Error);
    }
  }

  private async nextStatus(batch: Batch): Promise<void> {
    switch (batch.status) {
      case "validating":
        return this.validate(batch);
      case "in_progress":
        await this.lookForEnd(Date.now());
        await this.runLines(batch);
        if (isEnded(this.stored!.batch.status)) return;
        if (this.unrunCode === "batch_cancelled") return this.toCancelling(batch);
        return this.to("finalizing", {}, this.unrunCode === undefined ? "completed" : "expired");
      case "cancelling":
        this.unrunCode = "batch_cancelled";
        await this.runLines(batch);
        if (isEnded(this.stored!.batch.status)) return;
        return this.finish("cancelled");
      case "finalizing":
        await this.startWriter(batch);
        await this.runLost(batch);
        if (isEnded(this.stored!.batch.status)) return;
        return this.finish(this.stored!.ending ?? "completed");
      default:
        throw new Error(`a batch that is ${batch.status} was run`);
    }
  }

  private async validate(batch: Batch): Promise<void> {
    const cancelledAt = await this.cancelRequestedAt();
    if (cancelledAt !== undefined) return this.to("cancelled", { cancelling_at: cancelledAt });
    const body = await this.parts.files.content(this.batch.tenant, batch.input_file_id as FileId);
    if (body === undefined) return this.toFailed([inputGone]);
    const { total, model, errors } = await validateBatchFile(body, {
      endpoint: batch.endpoint as Endpoint,
      check: (line) => this.parts.lines.problem(line),
      signal: this.stopping.signal,
    });
    if (errors.length > 0) return this.toFailed(errors);
    await this.to("in_progress", {
      model: model ?? null,
      request_counts: { total, completed: 0, failed: 0 },
    });
  }

  /** Gives every line that has none a result. */
  private async runLines(batch: Batch): Promise<void> {
    const writer = await this.startWriter(batch);
    const window = new LineWindow(this.parts, this.batch.id, (result, id) => writer.add(result, id));
    this.window = window;
    if (this.unrunCode !== undefined) await window.endAll(terminalOf(this.unrunCode));
    const feed = new LineFeed(this.parts, batch, {
      tenant: this.batch.tenant,
      window,
      writer,
      isDone: (line) => this.done?.has(line) === true,
      bounds: this.bounds,
      signal: this.stopping.signal,
    });
    if (!(await feed.run())) return this.toFailed([inputGone]);
    while (window.size > 0) {
      await window.changed();
      this.stopping.signal.throwIfAborted();
    }
    await writer.writeAll();
  }

  /** Runs lines again whose results were written down and are gone: the store lost a chunk. */
  private async runLost(batch: Batch): Promise<void> {
    if (this.isComplete) return;
    const { tenant, id } = this.batch;
    const newest = await this.parts.archive.read(tenant, id);
    // Somebody else has made the files, and removes what they were made of.
    if (newest?.version !== this.stored!.version) throw new BatchTaken();
    if (this.stored!.ending === "expired") this.unrunCode = "batch_expired";
    await this.runLines(batch);
  }

  /** Every line has a result. */
  private get isComplete(): boolean {
    const { completed, failed, total } = this.progress!.counts;
    return completed + failed === total;
  }

  private async lookForEnd(nowMs: number): Promise<void> {
    if (this.unrunCode !== undefined || this.stored?.batch.status !== "in_progress") return;
    const { expires_at: expiresAt } = this.stored.batch;
    if ((await this.cancelRequestedAt()) !== undefined) this.unrunCode = "batch_cancelled";
    else if (expiresAt !== null && nowMs >= expiresAt * 1_000) this.unrunCode = "batch_expired";
    if (this.unrunCode === undefined) return;
    await this.window?.endAll(terminalOf(this.unrunCode));
    this.window?.wakeUp();
  }

  private cancelRequestedAt(): Promise<number | undefined> {
    return this.parts.archive.cancelRequestedAt(this.batch.tenant, this.batch.id);
  }

  private async startWriter(batch: Batch): Promise<ResultWriter> {
    if (this.writer !== undefined) return this.writer;
    const { archive, ports } = this.parts;
    const { tenant, id } = this.batch;
    this.done = new DoneLines();
    const written = await readWritten(archive, tenant, id, this.done);
    this.writer = new ResultWriter(
      ports,
      archive,
      { tenant, id, createdAtMs: batch.created_at * 1_000 },
      written,
    );
    return this.writer;
  }

  private async finish(status: "completed" | "expired" | "cancelled"): Promise<void> {
    const stored = this.stored!;
    const { counts, usage } = this.progress!;
    const chunks = this.writer!.chunkCount;
    if (!this.isComplete) throw new Error("lines of the batch have no result");
    const files = await writeBatchFiles(this.parts, stored, { id: this.batch.id, chunks }, Date.now());
    await this.to(status, { ...files, usage, request_counts: counts });
  }

  private async toCancelling(batch: Batch): Promise<void> {
    const at = await this.cancelRequestedAt();
    await this.to("cancelling", { ...batch, ...(at !== undefined && { cancelling_at: at }) });
  }

  private async toFailed(errors: readonly BatchError[]): Promise<void> {
    await this.to("failed", { errors: { object: "list", data: [...errors] } });
  }

  private async to(
    status: Batch["status"],
    changes: Partial<Batch> = {},
    ending?: "completed" | "expired",
  ): Promise<void> {
    const { version, ...stored } = this.stored!;
    this.stopping.signal.throwIfAborted();
    const batch = inStatus(stored.batch, status, Date.now(), changes);
    this.stored = await this.parts.archive.write(
      { ...stored, batch, ending: ending ?? stored.ending },
      version,
    );
  }
}

const inputGone: BatchError = {
  code: "file_not_found",
  line: null,
  message: "The input file is gone.",
  param: "input_file_id",
};

function terminalOf(code: UnrunCode): Terminal {
  if (code === "batch_cancelled") return { status: "cancelled" };
  return { status: "expired", error: { code: "deadline_exceeded", message: deadlineExceeded().message } };
}
