/** Bytes, piece by piece. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** What is known of a stored object. */
export interface StoredObject {
  readonly bytes: number;
  /** Unix time in ms. */
  readonly modifiedAtMs: number;
}

/**
 * Where files live: objects of bytes under keys such as `files/default/file-1/content`. An object is seen whole or not at
 * all, and is durable once the call that wrote it resolves. Several processes may use one store at the same time.
 */
export interface FileStore {
  /** Stores a stream; memory is bounded. Replaces what is there. When `body` fails, nothing is stored, and the call rejects with that. */
  put(key: string, body: ByteStream): Promise<void>;
  /** Stores `body` unless the key is taken; answers whether it was stored. Of several callers at once exactly one gets true. */
  create(key: string, body: Uint8Array): Promise<boolean>;
  /**
   * The bytes from `offset` on, `length` at most, all of one object; undefined if there is none. The reader may take hours. Whoever
   * stops early ends the reading. It fails where the object is replaced or deleted meanwhile and the store cannot go on with the old one.
   */
  read(
    key: string,
    range?: { readonly offset?: number; readonly length?: number },
  ): Promise<ByteStream | undefined>;
  stat(key: string): Promise<StoredObject | undefined>;
  /** Also succeeds when nothing is there. */
  delete(key: string): Promise<void>;
  /** Names directly inside a folder, both of objects and of folders, in the order of their characters, behind `after`. */
  list(folder: string, after?: string): AsyncIterable<string>;
  /** Ends connections. */
  close(): void;
}

/** The store cannot be reached, or takes no more. */
export class FileStoreUnavailable extends Error {
  override readonly name = "FileStoreUnavailable";
}

const keyForm = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)*$/;

/** Keys are made by us of ids that were checked; anything else is a fault of ours, and must not leave the store's folder. */
export function assertKey(key: string): void {
  if (!keyForm.test(key)) throw new TypeError(`not a key of a file store: ${key.slice(0, 100)}`);
}

/** All bytes of a small object as text. */
export async function readText(body: ByteStream): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}
