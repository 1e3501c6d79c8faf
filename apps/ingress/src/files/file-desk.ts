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
import { createHash, type Hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Inject, Injectable } from "@nestjs/common";
import { OpenBatches } from "../batches/open-batches.js";
import { validate } from "../http/request-validation.js";
import { fingerprintOf } from "../idempotency/idempotency-key.js";
import { IdempotentWork } from "../idempotency/idempotent-work.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { defaultExpiryS, StoredFiles } from "./stored-file.js";
import { receiveUpload } from "./upload.js";

/** Files read at once for a page of the list. */
const readsAtOnce = 16;

/** What an upload came to; `repeated`: it was there already. */
export interface UploadedFile {
  readonly file: FileObject;
  readonly repeated: boolean;
}

/** Files of all tenants: what clients uploaded, and what batches wrote. */
@Injectable()
export class FileDesk {
  readonly files: StoredFiles;

  constructor(
    @Inject(INGRESS_PORTS) ports: IngressPorts,
    @Inject(OpenBatches) private readonly openBatches: OpenBatches,
    @Inject(IdempotentWork) private readonly work: IdempotentWork,
  ) {
    this.files = new StoredFiles(ports.files);
  }

  /**
   * Stores what a form holds. With an Idempotency-Key (`key`) the same form is one file, however often it comes: what it holds is known
   * once it has been stored, so a repeat is stored too, and removed again.
   * @throws CodedError
   */
  async upload(tenant: string, request: IncomingMessage, key?: string): Promise<UploadedFile> {
    const id = newFileId();
    let kept = false;
    try {
      const { file, fingerprint } = await this.receive(tenant, id, request);
      if (key === undefined) {
        await this.files.publish(tenant, file);
        kept = true;
        return { file, repeated: false };
      }
      const keyed = { tenant, key, fingerprint, id, ttlMs: defaultExpiryS * 1_000 };
      const { result, repeated } = await this.work.once<FileObject>(keyed, {
        find: (known) => this.files.find(tenant, known as FileId, Date.now()),
        make: async (name) => {
          // From now on a repeat may go on with it, also when this fails.
          if (name === id) kept = true;
          else await this.copyContent(tenant, id, name as FileId);
          const made = { ...file, id: name };
          await this.files.publish(tenant, made);
          return made;
        },
      });
      return { file: result, repeated };
    } finally {
      if (!kept) await this.files.remove(tenant, id).catch(() => undefined);
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

  /** Stores the bytes of a form; nobody sees them yet. `fingerprint` tells the form from any other one. */
  private async receive(
    tenant: string,
    id: FileId,
    request: IncomingMessage,
  ): Promise<{ file: FileObject; fingerprint: string }> {
    const hash = createHash("sha256");
    const form = await receiveUpload(request, (body) =>
      this.files.putContent(tenant, id, hashed(body, hash)),
    );
    const { filename, bytes, fields } = form;
    const createdAt = Math.floor(Date.now() / 1_000);
    const file: FileObject = {
      id,
      object: "file",
      bytes,
      created_at: createdAt,
      expires_at: createdAt + readExpiry(fields),
      filename,
      purpose: readPurpose(fields["purpose"]),
      status: "processed",
      status_details: null,
    };
    return {
      file,
      fingerprint: fingerprintOf("/v1/files", { filename, fields, content: hash.digest("hex") }),
    };
  }

  /** For a file whose first sender died before it was published; his bytes, which were the same, may be gone. */
  private async copyContent(tenant: string, from: FileId, to: FileId): Promise<void> {
    const body = await this.files.content(tenant, from);
    if (body === undefined) throw new Error(`the bytes of ${from} are gone`);
    await this.files.putContent(tenant, to, body);
  }
}

async function* hashed(body: ByteStream, hash: Hash): ByteStream {
  for await (const piece of body) {
    hash.update(piece);
    yield piece;
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
