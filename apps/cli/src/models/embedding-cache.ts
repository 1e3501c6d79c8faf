import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { RouterError } from "@expert-router/classifier";
import type { SentenceEncoder } from "@expert-router/embedder";

/** Marks the file and its layout: a mark, the length of a vector, the encoder's digest; then pairs of key and vector. */
const mark = "EREMB001";
const headerBytes = 48;
/** Bytes of a text's SHA-256 that stand for it; 128 bits are not met twice by chance. */
const keyBytes = 16;
const recordsARead = 4_096;

/** Stands for a text in a cache. */
export function textKey(text: string): string {
  return createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, 2 * keyBytes);
}

/** A digest of all that an encoder's vectors depend on, 32 bytes. */
export function encoderDigest({ model, maxTokens, pooling, normalized }: SentenceEncoder): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([model.files, maxTokens, pooling, normalized]))
    .digest();
}

/**
 * Vectors of texts in a file, so that a run that is broken off does not begin anew. It is appended to; a record that was
 * not written to its end is cut off by the next run. Numbers are in the byte order of the machine.
 */
export class EmbeddingCache {
  private constructor(
    private readonly file: FileHandle,
    private readonly dimensions: number,
    private end: number,
  ) {}

  /**
   * Opens `path`, or begins it.
   * @throws RouterError `training_data_invalid` if it is no such file or belongs to another encoder.
   */
  static async open(path: string, dimensions: number, digest: Buffer): Promise<EmbeddingCache> {
    const header = Buffer.alloc(headerBytes);
    header.write(mark, "latin1");
    header.writeUInt32LE(dimensions, mark.length);
    digest.copy(header, headerBytes - digest.length);
    const file = await openOrCreate(path);
    try {
      const { size } = await file.stat();
      if (size === 0) {
        await file.write(header, 0, headerBytes, 0);
        return new EmbeddingCache(file, dimensions, headerBytes);
      }
      const found = Buffer.alloc(headerBytes);
      const { bytesRead } = await file.read(found, 0, headerBytes, 0);
      if (bytesRead < headerBytes || found.toString("latin1", 0, mark.length) !== mark)
        throw invalid(`${path}: holds no embeddings and would be written to; name another file`);
      if (!found.equals(header))
        throw invalid(`${path}: holds embeddings of another encoder, or of other options; name another file`);
      const recordBytes = keyBytes + 4 * dimensions;
      const records = Math.floor((size - headerBytes) / recordBytes);
      const end = headerBytes + records * recordBytes;
      await file.truncate(end);
      return new EmbeddingCache(file, dimensions, end);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Calls `found` for every vector there is; the buffer is reused. */
  async read(found: (key: string, vector: Float32Array) => void): Promise<void> {
    const recordBytes = keyBytes + 4 * this.dimensions;
    const bytes = new Uint8Array(recordsARead * recordBytes);
    for (let at = headerBytes; at < this.end; at += bytes.length) {
      const size = Math.min(bytes.length, this.end - at);
      await readFully(this.file, bytes.subarray(0, size), at);
      for (let record = 0; record < size; record += recordBytes)
        found(
          Buffer.from(bytes.buffer, record, keyBytes).toString("hex"),
          new Float32Array(bytes.buffer, record + keyBytes, this.dimensions),
        );
    }
  }

  /** Writes the vectors of `keys`, row by row in `vectors`, at the end. */
  async append(keys: readonly string[], vectors: Float32Array): Promise<void> {
    const recordBytes = keyBytes + 4 * this.dimensions;
    const bytes = Buffer.alloc(keys.length * recordBytes);
    const rows = Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength);
    for (const [at, key] of keys.entries()) {
      bytes.write(key, at * recordBytes, "hex");
      rows.copy(bytes, at * recordBytes + keyBytes, at * 4 * this.dimensions, (at + 1) * 4 * this.dimensions);
    }
    await this.file.write(bytes, 0, bytes.length, this.end);
    this.end += bytes.length;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return open(path, "wx+");
    });
  } catch (cause) {
    throw invalid(`${path}: cannot be opened for embeddings (${(cause as Error).message})`, cause);
  }
}

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw invalid("the file of embeddings was shortened while it was read");
    done += bytesRead;
  }
}

function invalid(message: string, cause?: unknown): RouterError {
  return new RouterError("training_data_invalid", message, { cause });
}
