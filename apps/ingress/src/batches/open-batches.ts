import { z } from "zod";
import { isBatchId, type BatchId } from "@expert-router/contracts";
import { readText } from "@expert-router/file-store";
import { Inject, Injectable } from "@nestjs/common";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { BatchArchive } from "./batch-archive.js";
import { isEnded } from "./batch-states.js";

/** A batch that has not ended. */
export interface OpenBatch {
  readonly id: BatchId;
  readonly tenant: string;
  readonly inputFileId: string;
}

const markSchema = z.strictObject({ tenant: z.string(), input_file_id: z.string() });

/** Which batches have not ended: a mark for each in the store, so that an emptied Redis forgets none. */
@Injectable()
export class OpenBatches {
  /** Marks never change. */
  private readonly known = new Map<BatchId, OpenBatch>();

  private readonly archive: BatchArchive;

  constructor(@Inject(INGRESS_PORTS) private readonly ports: IngressPorts) {
    this.archive = new BatchArchive(ports.files);
  }

  async add({ id, tenant, inputFileId }: OpenBatch): Promise<void> {
    const mark: z.infer<typeof markSchema> = { tenant, input_file_id: inputFileId };
    await this.ports.files.create(`open-batches/${id}`, Buffer.from(JSON.stringify(mark)));
  }

  async remove(id: BatchId): Promise<void> {
    await this.ports.files.delete(`open-batches/${id}`);
    this.known.delete(id);
  }

  /** All of them, the oldest first. */
  async list(): Promise<OpenBatch[]> {
    const ids: BatchId[] = [];
    for await (const name of this.ports.files.list("open-batches")) if (isBatchId(name)) ids.push(name);
    const there = new Set(ids);
    for (const id of this.known.keys()) if (!there.has(id)) this.known.delete(id);
    const batches: OpenBatch[] = [];
    for (const id of ids) {
      const batch = this.known.get(id) ?? (await this.read(id));
      if (batch !== undefined) batches.push(batch);
    }
    return batches;
  }

  /** Whether one of them has this file as its input. */
  async reads(tenant: string, fileId: string): Promise<boolean> {
    for (const batch of await this.list()) {
      if (batch.tenant !== tenant || batch.inputFileId !== fileId) continue;
      const stored = await this.archive.read(tenant, batch.id);
      // The mark stands from before the batch is there until after its end.
      if (stored === undefined || !isEnded(stored.batch.status)) return true;
    }
    return false;
  }

  private async read(id: BatchId): Promise<OpenBatch | undefined> {
    const body = await this.ports.files.read(`open-batches/${id}`);
    if (body === undefined) return undefined;
    const mark = markSchema.parse(JSON.parse(await readText(body)));
    const batch = { id, tenant: mark.tenant, inputFileId: mark.input_file_id };
    this.known.set(id, batch);
    return batch;
  }
}
