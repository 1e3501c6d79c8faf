import {
  CodedError,
  isBatchId,
  newBatchId,
  type Batch,
  type BatchId,
  type BatchList,
  type BatchListQuery,
  type BatchOutputQuery,
  type BatchSubmission,
} from "@expert-router/contracts";
import { noUsage } from "@expert-router/batch";
import type { ByteStream } from "@expert-router/file-store";
import { Inject, Injectable } from "@nestjs/common";
import { FileDesk } from "../files/file-desk.js";
import { defaultExpiryS } from "../files/stored-file.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { BatchArchive, BatchTaken, type BatchVersion } from "./batch-archive.js";
import { inStatus, isEnded } from "./batch-states.js";
import { OpenBatches } from "./open-batches.js";

/** The time in which a batch has to be done. */
const completionWindowS = 86_400;
const maxMetadataPairs = 16;
const readsAtOnce = 16;

/** What clients ask of batches. The work itself is done by whichever process holds the batch. */
@Injectable()
export class BatchDesk {
  private readonly archive: BatchArchive;

  constructor(
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(FileDesk) private readonly fileDesk: FileDesk,
    @Inject(OpenBatches) private readonly openBatches: OpenBatches,
  ) {
    this.archive = new BatchArchive(ports.files);
  }

  /** Makes a batch under `id`; asked twice, it is made once. */
  async create(tenant: string, submission: BatchSubmission, id = newBatchId()): Promise<Batch> {
    if (Object.keys(submission.metadata ?? {}).length > maxMetadataPairs) {
      const message = `Invalid value for 'metadata': at most ${maxMetadataPairs} pairs.`;
      throw new CodedError("invalid_value", message, { param: "metadata" });
    }
    const input = await this.fileDesk.read(tenant, submission.input_file_id, "input_file_id");
    if (input.purpose !== "batch") {
      const message = `Invalid value for 'input_file_id': the purpose of the file is '${input.purpose}', not 'batch'.`;
      throw new CodedError("invalid_value", message, { param: "input_file_id" });
    }
    const batch = newBatch(id, submission, Math.floor(Date.now() / 1_000));
    const outputExpiryS = submission.output_expires_after?.seconds ?? defaultExpiryS;
    // First: a mark without a batch is forgotten, a batch without a mark would never be run.
    await this.openBatches.add({ id, tenant, inputFileId: input.id });
    try {
      await this.archive.write({ tenant, batch, outputExpiryS }, 0);
      return batch;
    } catch (error) {
      if (!(error instanceof BatchTaken)) throw error;
      return this.read(tenant, id);
    }
  }

  /** The batch, or undefined if there is none. */
  async find(tenant: string, id: string): Promise<Batch | undefined> {
    const stored = isBatchId(id) ? await this.archive.read(tenant, id) : undefined;
    return stored && this.view(stored);
  }

  /** @throws CodedError `batch_not_found`, also for batches of other tenants. */
  async read(tenant: string, id: string): Promise<Batch> {
    return this.view(await this.stored(tenant, id));
  }

  async list(tenant: string, { limit, after }: BatchListQuery): Promise<BatchList> {
    if (after !== undefined && !isBatchId(after)) {
      const message = "Invalid value for 'after': expected the id of a batch.";
      throw new CodedError("invalid_value", message, { param: "after" });
    }
    const ids = (await this.archive.ids(tenant)).filter((id) => after === undefined || id < after);
    const data: Batch[] = [];
    const page = ids.slice(0, limit);
    for (let from = 0; from < page.length; from += readsAtOnce) {
      const some = page.slice(from, from + readsAtOnce);
      const found = await Promise.all(some.map((id) => this.archive.read(tenant, id)));
      for (const stored of found) if (stored !== undefined) data.push(await this.view(stored));
    }
    return {
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: ids.length > limit,
    };
  }

  /** @throws CodedError `batch_not_found` or `batch_already_finished`. */
  async cancel(tenant: string, id: string): Promise<Batch> {
    const stored = await this.stored(tenant, id);
    const { status } = stored.batch;
    if (isEnded(status) || status === "finalizing") {
      throw new CodedError("batch_already_finished", `Cannot cancel a batch with status '${status}'.`);
    }
    const nowMs = Date.now();
    await this.archive.requestCancel(tenant, stored.batch.id as BatchId, Math.floor(nowMs / 1_000));
    if (status === "validating") await this.cancelUnrun(stored, nowMs);
    return this.view(await this.stored(tenant, id));
  }

  /** Ends a batch that has run no line; it may have to wait long for a process that would. */
  private async cancelUnrun({ version, ...stored }: BatchVersion, nowMs: number): Promise<void> {
    const batch = inStatus(stored.batch, "cancelled", nowMs, { cancelling_at: Math.floor(nowMs / 1_000) });
    try {
      await this.archive.write({ ...stored, batch }, version);
    } catch (error) {
      // It has begun to run; whoever runs it finds the request to end it.
      if (!(error instanceof BatchTaken)) throw error;
    }
  }

  /**
   * The lines that are there already, behind `offset` bytes; `complete` if no more will come.
   * @throws CodedError `batch_not_found`, or `file_not_found` where the batch has ended and its file has expired or was deleted.
   */
  async output(
    tenant: string,
    id: string,
    { part, offset }: BatchOutputQuery,
  ): Promise<{ body: ByteStream; complete: boolean }> {
    const { batch } = await this.stored(tenant, id);
    if (!isEnded(batch.status))
      return { body: this.archive.lines(tenant, batch.id as BatchId, part, { offset }), complete: false };
    const fileId = part === "output" ? batch.output_file_id : batch.error_file_id;
    // Without a line of this part there never was a file.
    if (fileId === null) return { body: noLines(), complete: true };
    return { body: (await this.fileDesk.content(tenant, fileId, offset)).body, complete: true };
  }

  private async stored(tenant: string, id: string): Promise<BatchVersion> {
    const stored = isBatchId(id) ? await this.archive.read(tenant, id) : undefined;
    if (stored !== undefined) return stored;
    throw new CodedError("batch_not_found", `No batch found with id '${id.slice(0, 64)}'.`, { param: "id" });
  }

  /** With what the process that runs it told last. */
  private async view({ tenant, batch }: BatchVersion): Promise<Batch> {
    if (isEnded(batch.status)) return batch;
    const id = batch.id as BatchId;
    const [cancellingAt, progress] = await Promise.all([
      this.archive.cancelRequestedAt(tenant, id),
      // While Redis is away the counts are old, and all else is true.
      this.ports.batchLeases.progress(id).catch(() => undefined),
    ]);
    const counts = progress && { request_counts: progress.counts, usage: progress.usage };
    const asked =
      cancellingAt !== undefined && (batch.status === "validating" || batch.status === "in_progress");
    return {
      ...batch,
      ...(batch.status !== "validating" && counts),
      ...(asked && { status: "cancelling" as const, cancelling_at: cancellingAt }),
    };
  }
}

async function* noLines(): ByteStream {}

function newBatch(id: BatchId, submission: BatchSubmission, createdAt: number): Batch {
  return {
    id,
    object: "batch",
    endpoint: submission.endpoint,
    model: null,
    errors: null,
    input_file_id: submission.input_file_id,
    completion_window: submission.completion_window,
    status: "validating",
    output_file_id: null,
    error_file_id: null,
    created_at: createdAt,
    in_progress_at: null,
    expires_at: createdAt + completionWindowS,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    usage: noUsage,
    metadata: submission.metadata ?? null,
  };
}
