import { randomFillSync } from "node:crypto";
import { encodeTime, monotonicFactory } from "ulid";

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
