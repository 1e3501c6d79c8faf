import { isFileId, type BatchId, type FileId } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { BatchArchive } from "../batches/batch-archive.js";
import { OpenBatches } from "../batches/open-batches.js";
import { isEnded } from "../batches/batch-states.js";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { timeOfUlid } from "./ulid-time.js";
import { FileDesk } from "./file-desk.js";

const sweepEveryMs = 3_600_000;
/** Bytes that nobody has published in this time belong to an upload or a batch that was cut off. */
const unfinishedKeptMs = 2 * 86_400_000;
/** A batch is known for as long as its files may be. */
const batchKeptMs = 30 * 86_400_000;

/** Removes expired files, what uploads left that were cut off, and batches that ended long ago. Every process does it; twice does no harm. */
@Injectable()
export class FileSweep {
  private readonly archive: BatchArchive;
  private task: RepeatingTask | undefined;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) ports: IngressPorts,
    @Inject(FileDesk) private readonly desk: FileDesk,
    @Inject(OpenBatches) private readonly openBatches: OpenBatches,
  ) {
    this.archive = new BatchArchive(ports.files);
  }

  start(): void {
    this.task = repeat(
      sweepEveryMs,
      () => this.sweep(Date.now()),
      (error) => this.context.logger.warn({ err: error }, "old files cannot be removed"),
    );
  }

  stop(): void {
    this.task?.stop();
  }

  /** One sweep through all that is stored. */
  async sweep(nowMs: number): Promise<void> {
    for await (const tenant of this.desk.files.tenants()) await this.sweepFiles(tenant, nowMs);
    for await (const tenant of this.archive.tenants()) await this.sweepBatches(tenant, nowMs);
  }

  private async sweepFiles(tenant: string, nowMs: number): Promise<void> {
    for (const id of await this.desk.files.ids(tenant)) {
      if (!isFileId(id) || (await this.desk.files.find(tenant, id, nowMs)) !== undefined) continue;
      // It may have expired while its batch runs.
      if (await this.openBatches.reads(tenant, id)) continue;
      const known = await this.desk.files.find(tenant, id, 0);
      if (known !== undefined || (await this.isCutOff(tenant, id, nowMs)))
        await this.desk.files.remove(tenant, id);
    }
  }

  /** Not by its id: the output of a batch has that of the batch, which may be days older. */
  private async isCutOff(tenant: string, id: FileId, nowMs: number): Promise<boolean> {
    const storedAtMs = await this.desk.files.contentStoredAtMs(tenant, id);
    return storedAtMs !== undefined && nowMs - storedAtMs > unfinishedKeptMs;
  }

  private async sweepBatches(tenant: string, nowMs: number): Promise<void> {
    for (const id of await this.archive.ids(tenant)) {
      if (nowMs - timeOfUlid(id) < batchKeptMs) continue;
      const stored = await this.archive.read(tenant, id);
      if (stored === undefined || isEnded(stored.batch.status)) await this.remove(tenant, id);
    }
  }

  private async remove(tenant: string, id: BatchId): Promise<void> {
    await this.archive.remove(tenant, id);
    this.context.logger.debug({ batchId: id }, "an old batch is removed");
  }
}
