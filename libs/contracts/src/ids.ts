import { monotonicFactory } from "ulid";

const nextUlid = monotonicFactory();

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

/** A new worker id. It is also the lock token of every job the worker holds. `wrk_` + ULID. */
export function newWorkerId(): string {
  return `wrk_${nextUlid()}`;
}
