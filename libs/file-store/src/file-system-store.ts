import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  type FileHandle,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  assertKey,
  FileStoreUnavailable,
  type ByteStream,
  type FileStore,
  type StoredObject,
} from "./file-store.js";

/** A temporary file this old belongs to a process that died while it wrote. */
const abandonedMs = 86_400_000;
/** Bytes written at once; smaller pieces are gathered. */
const writeBytes = 1_048_576;

/** {@link FileStore} in a folder, which several processes and machines may share. */
export class FileSystemStore implements FileStore {
  private readonly objects: string;
  private readonly temporary: string;

  constructor(folder: string) {
    this.objects = join(folder, "objects");
    this.temporary = join(folder, "temporary");
  }

  /** Removes what processes left that died while they wrote. */
  async removeAbandoned(nowMs = Date.now()): Promise<void> {
    for (const name of await namesIn(this.temporary)) {
      const path = join(this.temporary, name);
      const stats = await stat(path).catch(() => undefined);
      if (stats !== undefined && nowMs - stats.mtimeMs > abandonedMs) await rm(path, { force: true });
    }
  }

  async put(key: string, body: ByteStream): Promise<void> {
    await this.write(key, body, async (from, to) => {
      await rename(from, to);
      return true;
    });
  }

  create(key: string, body: Uint8Array): Promise<boolean> {
    return this.write(key, [body], async (from, to) => {
      try {
        // Unlike a rename, it fails where something is.
        await link(from, to);
      } catch (error) {
        // Where the folder is gone meanwhile, it is tried again.
        if (codeOf(error) !== "EEXIST") throw error;
        await rm(from, { force: true });
        return false;
      }
      await rm(from, { force: true });
      return true;
    });
  }

  async read(
    key: string,
    { offset = 0, length }: { readonly offset?: number; readonly length?: number } = {},
  ): Promise<ByteStream | undefined> {
    if (length === 0) return (await this.stat(key)) && nothing();
    const file = await openToRead(this.path(key));
    if (file === undefined) return undefined;
    const end = length === undefined ? {} : { end: offset + length - 1 };
    return createReadStream("", { fd: file, start: offset, ...end, highWaterMark: 262_144 });
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const path = this.path(key);
    try {
      const stats = await stat(path);
      return stats.isFile() ? { bytes: stats.size, modifiedAtMs: stats.mtimeMs } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unavailable(error);
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.path(key);
    try {
      await unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw unavailable(error);
    }
    // A folder is there as long as something is in it, as in S3.
    for (let folder = dirname(path); folder !== this.objects; folder = dirname(folder)) {
      if (!(await rmdir(folder).then(...yesOrNo))) return;
    }
  }

  async *list(folder: string, after = ""): AsyncIterable<string> {
    const path = this.path(folder);
    let names: string[];
    try {
      names = await namesIn(path);
    } catch (error) {
      throw unavailable(error);
    }
    for (const name of names.sort(byCharacters)) if (name > after) yield name;
  }

  close(): void {}

  private async write(
    key: string,
    body: ByteStream | Iterable<Uint8Array>,
    publish: (from: string, to: string) => Promise<boolean>,
  ): Promise<boolean> {
    const to = this.path(key);
    const from = join(this.temporary, randomUUID());
    try {
      await asStoreFailure(mkdir(this.temporary, { recursive: true }));
      const file = await asStoreFailure(open(from, "wx"));
      try {
        for await (const bytes of gathered(body)) await asStoreFailure(writeAll(file, bytes));
        await asStoreFailure(file.sync());
      } finally {
        await file.close();
      }
      return await asStoreFailure(this.publish(from, to, publish));
    } catch (error) {
      await rm(from, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  private async publish(
    from: string,
    to: string,
    publish: (from: string, to: string) => Promise<boolean>,
  ): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        const first = await mkdir(dirname(to), { recursive: true });
        const published = await publish(from, to);
        await syncFolder(dirname(to));
        // A new folder is durable only with its entry in the one above.
        for (let at = dirname(to); first !== undefined && at.length >= first.length; at = dirname(at))
          await syncFolder(dirname(at));
        return published;
      } catch (error) {
        // Somebody deleted the last other object of the folder at this moment.
        if (!isMissing(error) || tries === 5 || (await stat(from).catch(() => undefined)) === undefined)
          throw error;
      }
    }
  }

  private path(key: string): string {
    assertKey(key);
    return join(this.objects, key);
  }
}

const yesOrNo = [() => true, () => false] as const;

async function* nothing(): ByteStream {}

async function* gathered(body: ByteStream | Iterable<Uint8Array>): ByteStream {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < writeBytes) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unavailable(error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** As S3 orders keys of ASCII. */
function byCharacters(a: string, b: string): number {
  return a < b ? -1 : 1;
}

async function asStoreFailure<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unavailable(error);
  }
}

function unavailable(cause: unknown): FileStoreUnavailable {
  return new FileStoreUnavailable(`the file system failed: ${codeOf(cause) ?? String(cause)}`, { cause });
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
