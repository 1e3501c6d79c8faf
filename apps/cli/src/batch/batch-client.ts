import { openAsBlob } from "node:fs";
import { Readable } from "node:stream";
import type { Batch, BatchList, BatchSubmission, FileObject } from "@expert-router/contracts";
import { askIngress, readIngress, type IngressAddress } from "../submit/ingress-client.js";

/** `POST /v1/files`; the file is read while it is sent. With the same `key` it is stored once, however often it is sent. */
export async function uploadFile(
  ingress: IngressAddress,
  { path, name, key }: { readonly path: string; readonly name: string; readonly key: string },
): Promise<FileObject> {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", await openAsBlob(path), name);
  return askIngress(ingress, "/v1/files", {
    method: "POST",
    headers: { "idempotency-key": key },
    body: form,
  });
}

/** `POST /v1/batches` */
export function createBatch(ingress: IngressAddress, submission: BatchSubmission): Promise<Batch> {
  return askIngress(ingress, "/v1/batches", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(submission),
  });
}

/** `GET /v1/batches/{id}` */
export function readBatch(ingress: IngressAddress, id: string): Promise<Batch> {
  return askIngress(ingress, `/v1/batches/${encodeURIComponent(id)}`);
}

/** `POST /v1/batches/{id}/cancel` */
export function cancelBatch(ingress: IngressAddress, id: string): Promise<Batch> {
  return askIngress(ingress, `/v1/batches/${encodeURIComponent(id)}/cancel`, { method: "POST" });
}

/** `GET /v1/batches` */
export function listBatches(ingress: IngressAddress, limit: number, after?: string): Promise<BatchList> {
  const query = new URLSearchParams({ limit: String(limit), ...(after !== undefined && { after }) });
  return askIngress(ingress, `/v1/batches?${query.toString()}`);
}

/** The lines of a batch that are there already. @throws RefusedError with status 404 where they were, and are gone. */
export async function readOutput(
  ingress: IngressAddress,
  batch: Batch,
  part: "output" | "errors",
): Promise<AsyncIterable<Uint8Array>> {
  if (!hasEnded(batch))
    return readIngress(ingress, `/v1/batches/${encodeURIComponent(batch.id)}/output?part=${part}`);
  const file = part === "output" ? batch.output_file_id : batch.error_file_id;
  if (file === null) return Readable.from([]);
  // The route of the batch has nothing to say of a file that was deleted or has expired.
  return readIngress(ingress, `/v1/files/${encodeURIComponent(file)}/content`);
}

/** Whether nothing can happen to it any more. */
export function hasEnded({ status }: Batch): boolean {
  return ["completed", "failed", "expired", "cancelled"].includes(status);
}
