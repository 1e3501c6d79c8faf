import type { FileStore } from "./file-store.js";
import { FileSystemStore } from "./file-system-store.js";
import type { S3Settings } from "./s3-store.js";

/** Which store, and where. */
export type FileStoreSettings =
  | { readonly kind: "file-system"; readonly folder: string }
  | ({ readonly kind: "s3" } & S3Settings);

/** The store that the settings name. The S3 client is loaded only where it is used. */
export async function openFileStore(settings: FileStoreSettings): Promise<FileStore> {
  if (settings.kind === "s3") return new (await import("./s3-store.js")).S3Store(settings);
  const store = new FileSystemStore(settings.folder);
  await store.removeAbandoned();
  return store;
}
