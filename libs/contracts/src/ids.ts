import { randomFillSync } from "node:crypto";
import { encodeTime, monotonicFactory, ulid } from "ulid";

// ulid's own source asks the system for every character, which cost more than the rest of a request's set-up.
const randomness = new Uint32Array(1_024);
let used = randomness.length;

function secureRandom(): number {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  return randomness[used++]! / 2 ** 32;
}

const nextUlid = monotonicFactory(secureRandom);

/** The one name of a request everywhere: BullMQ job id, Redis key, OpenAI object id. `req_` + ULID. */
export type RequestId = `req_${string}`;

const requestIdPattern = /^req_[0-9A-HJKMNP-TV-Z]{26}$/;

/** A new id; ids made by one process sort by creation, also inside one millisecond. */
export function newRequestId(): RequestId {
  return `req_${nextUlid()}`;
}

/** Whether `value` has the form of a request id. Says nothing about whether the request exists. */
export function isRequestId(value: string): value is RequestId {
  return requestIdPattern.test(value);
}

/** A response's id at the Responses API, and that of its message; the same but for the prefix, as its clients expect it. */
export function responseIdOf(id: RequestId): string {
  return id.replace(/^req_/, "resp_");
}
export function messageIdOf(id: RequestId): string {
  return id.replace(/^req_/, "msg_");
}

/** The request behind a response's id; undefined where it has not the form of one. */
export function requestIdOfResponse(responseId: string): RequestId | undefined {
  const id = responseId.replace(/^resp_/, "req_");
  return responseId.startsWith("resp_") && isRequestId(id) ? id : undefined;
}

/** Sorts before every request id made at `atMs` (Unix time) or later, and behind every one made before. */
export function requestIdBound(atMs: number): string {
  return `req_${encodeTime(atMs, 10)}`;
}

/** A new worker id. It is also the lock token of every job the worker holds. `wrk_` + ULID. */
export function newWorkerId(): string {
  return `wrk_${nextUlid()}`;
}

/** Names an uploaded file or one that a batch wrote. `file-` + ULID. */
export type FileId = `file-${string}`;
/** `batch_` + ULID. */
export type BatchId = `batch_${string}`;

const ulidForm = "[0-7][0-9A-HJKMNP-TV-Z]{25}";
const fileIdPattern = new RegExp(`^file-${ulidForm}$`);
const batchIdPattern = new RegExp(`^batch_${ulidForm}$`);
/** Crockford's alphabet, in which ULIDs are written. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** Characters that hold the number of a line: 20 bits. */
const lineCharacters = 4;

export function newFileId(): FileId {
  return `file-${nextUlid()}`;
}

/** All its bits are random: a growing one would differ from the one before in the bits that {@link batchRequestId} replaces. */
export function newBatchId(): BatchId {
  return `batch_${ulid(undefined, secureRandom)}`;
}

export function isFileId(value: string): value is FileId {
  return fileIdPattern.test(value);
}

export function isBatchId(value: string): value is BatchId {
  return batchIdPattern.test(value);
}

/**
 * The request of line `line` (from 1) of a batch: always the same one, so that a crash cannot make two of it. It is the
 * ULID of the batch with the number of the line in place of its last 20 random bits; 60 are left.
 */
export function batchRequestId(batchId: BatchId, line: number): RequestId {
  let digits = "";
  for (let rest = line, i = 0; i < lineCharacters; i++, rest >>>= 5) digits = alphabet[rest & 31]! + digits;
  return `req_${batchId.slice("batch_".length, -lineCharacters)}${digits}`;
}

/** The file that a batch writes: the same one however often it is written. */
export function batchFileId(batchId: BatchId, part: "output" | "errors"): FileId {
  return `file-${batchId.slice("batch_".length, -lineCharacters)}${part === "output" ? "Z001" : "Z002"}`;
}
