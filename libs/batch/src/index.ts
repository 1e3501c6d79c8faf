export { isBatchError, readBatchLine, type BatchErrorCode, type BatchLine } from "./batch-line.js";
export {
  addUsage,
  answered,
  joinUsage,
  noUsage,
  refused,
  unrun,
  type BatchResult,
  type LineIdentity,
  type UnrunCode,
} from "./batch-result.js";
export { maxBatchErrors, validateBatchFile, type ValidatedFile } from "./batch-validation.js";
export { DoneLines } from "./done-lines.js";
export { fileLines, maxLineBytes, type FileLine } from "./file-lines.js";
export { readLinesAt, type LinePlace } from "./line-places.js";
export { orderedByPrefix } from "./prefix-order.js";
export { RedisBatchLeases, type BatchLeases, type BatchProgress } from "./redis-batch-leases.js";
export { encodeChunk, readChunkHeader, type ChunkHeader } from "./result-chunk.js";
