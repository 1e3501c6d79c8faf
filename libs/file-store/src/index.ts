export {
  FileStoreUnavailable,
  readText,
  type ByteStream,
  type FileStore,
  type StoredObject,
} from "./file-store.js";
export { FileSystemStore } from "./file-system-store.js";
export { openFileStore, type FileStoreSettings } from "./open-file-store.js";
export type { S3Settings } from "./s3-store.js";
