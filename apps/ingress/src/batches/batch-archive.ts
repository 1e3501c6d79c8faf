import { batchSchema, isBatchId, type Batch, type BatchId } from "@expert-router/contracts";
import { readChunkHeader, type ChunkHeader } from "@expert-router/batch";
import { readText, type ByteStream, type FileStore } from "@expert-router/file-store";
import { z } from "zod";

/** A batch as it is written down. */
export interface StoredBatch {
  readonly tenant: string;
  readonly batch: Batch;
  /** Seconds that the files it writes are kept. */
  readonly outputExpiryS: number;
  /** What it becomes once its files are written; set with `finalizing`. */
  readonly ending?: "completed" | "expired" | undefined;
}

/** One version of a {@link StoredBatch}; each has the number after that of the one before. */
export interface BatchVersion extends StoredBatch {
  readonly version: number;
}

/** Somebody else wrote the next version, or the next chunk: this process does not hold the batch any more. */
export class BatchTaken extends Error {
  override readonly name = "BatchTaken";
}

/** Which lines a file of results holds. */
export type Part = "output" | "errors";

const storedSchema = z.object({
  tenant: z.string(),
  batch: batchSchema,
  outputExpiryS: z.int(),
  ending: z.enum(["completed", "expired"]).optional(),
});

/**
 * Batches in the store. Nothing is ever written twice: each change of a batch is a new version, each lot of results a new
 * chunk, and the store gives every number to one writer. So a process that was taken for dead and still runs can add nothing.
 */
export class BatchArchive {
  constructor(private readonly store: FileStore) {}

  /** Writes the version after `version`; 0: the first. @throws BatchTaken */
  async write(stored: StoredBatch, version: number): Promise<BatchVersion> {
    const next = version + 1;
    const { tenant, batch, outputExpiryS, ending } = stored;
    const body = Buffer.from(JSON.stringify({ tenant, batch, outputExpiryS, ending } satisfies StoredBatch));
    const key = `${folder(tenant, batch.id as BatchId)}/versions/${numberName(next)}`;
    if (!(await this.store.create(key, body))) throw new BatchTaken();
    return { ...stored, version: next };
  }

  /** The newest version. */
  async read(tenant: string, id: BatchId): Promise<BatchVersion | undefined> {
    let newest: string | undefined;
    for await (const name of this.store.list(`${folder(tenant, id)}/versions`)) newest = name;
    if (newest === undefined) return undefined;
    const body = await this.store.read(`${folder(tenant, id)}/versions/${newest}`);
    if (body === undefined) return undefined;
    return { ...storedSchema.parse(JSON.parse(await readText(body))), version: Number(newest) };
  }

  /** Ids of a tenant's batches, the newest first. */
  async ids(tenant: string): Promise<BatchId[]> {
    const ids: BatchId[] = [];
    for await (const name of this.store.list(`batches/${tenant}`)) if (isBatchId(name)) ids.push(name);
    return ids.toReversed();
  }

  /** Notes that somebody wants it to end; the first note stays. */
  async requestCancel(tenant: string, id: BatchId, atS: number): Promise<void> {
    await this.store.create(`${folder(tenant, id)}/cancel`, Buffer.from(String(atS)));
  }

  /** When it was asked to end, in Unix seconds. */
  async cancelRequestedAt(tenant: string, id: BatchId): Promise<number | undefined> {
    const body = await this.store.read(`${folder(tenant, id)}/cancel`);
    return body && Number(await readText(body));
  }

  /** Adds results under `number`, from 1. @throws BatchTaken */
  async addChunk(tenant: string, id: BatchId, number: number, chunk: Uint8Array): Promise<void> {
    if (!(await this.store.create(chunkKey(tenant, id, number), chunk))) throw new BatchTaken();
  }

  /** What the chunks hold, in their order. */
  async *chunks(tenant: string, id: BatchId): AsyncIterable<{ number: number; header: ChunkHeader }> {
    for await (const name of this.store.list(`${folder(tenant, id)}/chunks`)) {
      const number = Number(name);
      const body = await this.store.read(chunkKey(tenant, id, number), { length: headerReadBytes });
      if (body === undefined) return;
      const header = await this.header(tenant, id, number, body);
      if (header === undefined) return;
      yield { number, header };
    }
  }

  /**
   * All lines of one part, from byte `offset` of them on. `chunks`: so many there have to be.
   * @throws BatchTaken if one of them is not there.
   */
  async *lines(
    tenant: string,
    id: BatchId,
    part: Part,
    { offset = 0, chunks }: { readonly offset?: number; readonly chunks?: number } = {},
  ): ByteStream {
    let skip = offset;
    let seen = 0;
    for await (const { number, header } of this.chunks(tenant, id)) {
      seen += 1;
      const bytes = part === "output" ? header.outputBytes : header.errorBytes;
      if (bytes <= skip) {
        skip -= bytes;
        continue;
      }
      const before = header.headerBytes + (part === "output" ? 0 : header.outputBytes);
      const range = { offset: before + skip, length: bytes - skip };
      skip = 0;
      const body = await this.store.read(chunkKey(tenant, id, number), range);
      // Gone since: the batch has ended, and all of it is in a file.
      if (body === undefined) {
        if (chunks !== undefined) throw new BatchTaken();
        return;
      }
      yield* body;
    }
    if (chunks !== undefined && seen !== chunks) throw new BatchTaken();
  }

  /** Removes chunks, once their lines are in files. */
  async removeChunks(tenant: string, id: BatchId): Promise<void> {
    const numbers: number[] = [];
    for await (const name of this.store.list(`${folder(tenant, id)}/chunks`)) numbers.push(Number(name));
    // The last ones first: what a crash leaves is a beginning.
    for (const number of numbers.toReversed()) await this.store.delete(chunkKey(tenant, id, number));
    await this.store.delete(`${folder(tenant, id)}/cancel`);
  }

  /** Removes all that is known of it. */
  async remove(tenant: string, id: BatchId): Promise<void> {
    await this.removeChunks(tenant, id);
    const names: string[] = [];
    for await (const name of this.store.list(`${folder(tenant, id)}/versions`)) names.push(name);
    for (const name of names) await this.store.delete(`${folder(tenant, id)}/versions/${name}`);
  }

  /** Who has batches. */
  tenants(): AsyncIterable<string> {
    return this.store.list("batches");
  }

  /** Of a chunk; undefined if it is gone since its beginning was read. */
  private async header(
    tenant: string,
    id: BatchId,
    number: number,
    beginning: ByteStream,
  ): Promise<ChunkHeader | undefined> {
    try {
      return await readChunkHeader(beginning);
    } catch {
      // Longer than usual.
      const whole = await this.store.read(chunkKey(tenant, id, number));
      return whole && readChunkHeader(whole);
    }
  }
}

/** Most headers are shorter. */
const headerReadBytes = 65_536;

function folder(tenant: string, id: BatchId): string {
  return `batches/${tenant}/${id}`;
}

function chunkKey(tenant: string, id: BatchId, number: number): string {
  return `${folder(tenant, id)}/chunks/${numberName(number)}`;
}

/** Names sort as the numbers do. */
function numberName(number: number): string {
  return String(number).padStart(8, "0");
}
