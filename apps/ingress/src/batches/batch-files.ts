import { batchFileId, type Batch, type BatchId } from "@expert-router/contracts";
import type { ByteStream } from "@expert-router/file-store";
import type { StoredFiles } from "../files/stored-file.js";
import type { BatchArchive, Part, StoredBatch } from "./batch-archive.js";

/**
 * Makes the chunks of a batch into its output and error file; a part without a line makes no file. May be done any number
 * of times: the files have the same ids and bytes each time.
 * @throws BatchTaken if not all `chunks` are there any more: somebody else has made the files, which stay as they are.
 */
export async function writeBatchFiles(
  { archive, files }: { readonly archive: BatchArchive; readonly files: StoredFiles },
  stored: StoredBatch,
  { id, chunks }: { readonly id: BatchId; readonly chunks: number },
  nowMs: number,
): Promise<Pick<Batch, "output_file_id" | "error_file_id">> {
  const write = async (part: Part): Promise<string | null> => {
    const fileId = batchFileId(id, part);
    const received = { bytes: 0 };
    await files.putContent(
      stored.tenant,
      fileId,
      counted(archive.lines(stored.tenant, id, part, { chunks }), received),
    );
    if (received.bytes === 0) {
      await files.remove(stored.tenant, fileId);
      return null;
    }
    const createdAt = Math.floor(nowMs / 1_000);
    await files.publish(stored.tenant, {
      id: fileId,
      object: "file",
      bytes: received.bytes,
      created_at: createdAt,
      expires_at: createdAt + stored.outputExpiryS,
      filename: `${id}_${part === "output" ? "output" : "error"}.jsonl`,
      purpose: "batch_output",
      status: "processed",
      status_details: null,
    });
    return fileId;
  };
  return { output_file_id: await write("output"), error_file_id: await write("errors") };
}

async function* counted(body: ByteStream, received: { bytes: number }): ByteStream {
  for await (const piece of body) {
    received.bytes += piece.length;
    yield piece;
  }
}
