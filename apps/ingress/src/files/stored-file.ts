import { fileSchema, type FileId, type FileObject } from "@expert-router/contracts";
import { readText, type ByteStream, type FileStore } from "@expert-router/file-store";

/** Default of `expires_after`: 30 days. */
export const defaultExpiryS = 30 * 86_400;

/**
 * Files in the store. A tenant's file is two objects: its bytes, and what is known of it. The second is written last and removed first,
 * so whoever sees it finds the bytes.
 */
export class StoredFiles {
  constructor(private readonly store: FileStore) {}

  /** The file, unless it does not exist, has expired, or belongs to somebody else. */
  async find(tenant: string, id: FileId, nowMs: number): Promise<FileObject | undefined> {
    const body = await this.store.read(metaKey(tenant, id));
    if (body === undefined) return undefined;
    const file = fileSchema.parse(JSON.parse(await readText(body)));
    return file.expires_at * 1_000 > nowMs ? file : undefined;
  }

  /** Its bytes, or those of a range, unless they are gone. */
  content(
    tenant: string,
    id: FileId,
    range: { readonly offset?: number; readonly length?: number } = {},
  ): Promise<ByteStream | undefined> {
    return this.store.read(contentKey(tenant, id), range);
  }

  /** Stores the bytes of a file that nobody sees before {@link publish}. */
  async putContent(tenant: string, id: FileId, body: ByteStream): Promise<void> {
    await this.store.put(contentKey(tenant, id), body);
  }

  /** When its bytes were stored, in Unix ms; undefined if there are none. */
  async contentStoredAtMs(tenant: string, id: FileId): Promise<number | undefined> {
    return (await this.store.stat(contentKey(tenant, id)))?.modifiedAtMs;
  }

  async publish(tenant: string, file: FileObject): Promise<void> {
    await this.store.put(metaKey(tenant, file.id as FileId), bytesOf(JSON.stringify(file)));
  }

  async remove(tenant: string, id: FileId): Promise<void> {
    await this.store.delete(metaKey(tenant, id));
    await this.store.delete(contentKey(tenant, id));
  }

  /** Ids of a tenant's files, the oldest first. */
  async ids(tenant: string): Promise<FileId[]> {
    const ids: FileId[] = [];
    for await (const name of this.store.list(`files/${tenant}`)) ids.push(name as FileId);
    return ids;
  }

  /** Who has files. */
  tenants(): AsyncIterable<string> {
    return this.store.list("files");
  }
}

function metaKey(tenant: string, id: FileId): string {
  return `files/${tenant}/${id}/file.json`;
}

function contentKey(tenant: string, id: FileId): string {
  return `files/${tenant}/${id}/content`;
}

async function* bytesOf(text: string): ByteStream {
  yield Buffer.from(text);
}
