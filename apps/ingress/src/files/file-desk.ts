import {
  CodedError,
  expiresAfterSchema,
  isFileId,
  newFileId,
  type FileDeleted,
  type FileId,
  type FileList,
  type FileListQuery,
  type FileObject,
} from "@expert-router/contracts";
import type { ByteStream } from "@expert-router/file-store";
import type { IncomingMessage } from "node:http";
import { Inject, Injectable } from "@nestjs/common";
import { OpenBatches } from "../batches/open-batches.js";
import { validate } from "../http/request-validation.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { defaultExpiryS, StoredFiles } from "./stored-file.js";
import { receiveUpload } from "./upload.js";

/** Files read at once for a page of the list. */
const readsAtOnce = 16;

/** Files of all tenants: what clients uploaded, and what batches wrote. */
@Injectable()
export class FileDesk {
  readonly files: StoredFiles;

  constructor(
    @Inject(INGRESS_PORTS) ports: IngressPorts,
    @Inject(OpenBatches) private readonly openBatches: OpenBatches,
  ) {
    this.files = new StoredFiles(ports.files);
  }

  /** Stores what a form holds. @throws CodedError */
  async upload(tenant: string, request: IncomingMessage): Promise<FileObject> {
    const id = newFileId();
    try {
      const form = await receiveUpload(request, (body) => this.files.putContent(tenant, id, body));
      const createdAt = Math.floor(Date.now() / 1_000);
      const file: FileObject = {
        id,
        object: "file",
        bytes: form.bytes,
        created_at: createdAt,
        expires_at: createdAt + readExpiry(form.fields),
        filename: form.filename,
        purpose: readPurpose(form.fields["purpose"]),
        status: "processed",
        status_details: null,
      };
      await this.files.publish(tenant, file);
      return file;
    } catch (error) {
      await this.files.remove(tenant, id).catch(() => undefined);
      throw error;
    }
  }

  /** @throws CodedError `file_not_found`, also for files of other tenants. */
  async read(tenant: string, id: string, param = "id"): Promise<FileObject> {
    const file = isFileId(id) ? await this.files.find(tenant, id, Date.now()) : undefined;
    if (file === undefined) throw fileNotFound(id, param);
    return file;
  }

  /** The file and its bytes from `offset` on. @throws CodedError `file_not_found` */
  async content(tenant: string, id: string, offset = 0): Promise<{ file: FileObject; body: ByteStream }> {
    const file = await this.read(tenant, id);
    const body = await this.files.content(tenant, file.id as FileId, { offset });
    if (body === undefined) throw fileNotFound(id, "id");
    return { file, body };
  }

  /** @throws CodedError `file_not_found`, or `file_in_use` while a batch reads it. */
  async delete(tenant: string, id: string): Promise<FileDeleted> {
    const file = await this.read(tenant, id);
    if (await this.openBatches.reads(tenant, file.id)) {
      throw new CodedError("file_in_use", "The file is the input of a batch that has not ended.", {
        param: "id",
      });
    }
    await this.files.remove(tenant, file.id as FileId);
    return { id: file.id, object: "file", deleted: true };
  }

  async list(tenant: string, { limit, after, order, purpose }: FileListQuery): Promise<FileList> {
    if (after !== undefined && !isFileId(after)) {
      const message = "Invalid value for 'after': expected the id of a file.";
      throw new CodedError("invalid_value", message, { param: "after" });
    }
    const ids = await this.files.ids(tenant);
    if (order === "desc") ids.reverse();
    const behind =
      after === undefined ? ids : ids.filter((id) => (order === "desc" ? id < after : id > after));
    const found: FileObject[] = [];
    for (let from = 0; from < behind.length && found.length <= limit; from += readsAtOnce) {
      const some = behind.slice(from, from + readsAtOnce);
      for (const file of await Promise.all(some.map((id) => this.files.find(tenant, id, Date.now())))) {
        if (file !== undefined && (purpose ?? file.purpose) === file.purpose) found.push(file);
      }
    }
    const data = found.slice(0, limit);
    return {
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: found.length > limit,
    };
  }
}

function readPurpose(purpose: string | undefined): "batch" {
  if (purpose === "batch") return purpose;
  if (purpose === undefined) {
    const message = "Missing required parameter: 'purpose'.";
    throw new CodedError("missing_required_parameter", message, { param: "purpose" });
  }
  const message = `Invalid value for 'purpose': '${purpose.slice(0, 64)}'. Only 'batch' is supported.`;
  throw new CodedError("invalid_value", message, { param: "purpose" });
}

function readExpiry(fields: Readonly<Record<string, string>>): number {
  const [anchor, seconds] = [fields["expires_after[anchor]"], fields["expires_after[seconds]"]];
  if (anchor === undefined && seconds === undefined) return defaultExpiryS;
  return validate(expiresAfterSchema, { anchor, seconds }, "expires_after").seconds;
}

function fileNotFound(id: string, param: string): CodedError {
  return new CodedError("file_not_found", `No such File object: ${id.slice(0, 64)}`, { param });
}
