import type { ErrorCode } from "./errors.js";
import type { RequestId } from "./ids.js";

/** A request that failed for good, through no fault of its client's: what the operator's list says of it. No prompt text. */
export interface DeadLetter {
  readonly id: RequestId;
  readonly expert: string;
  /** Of the error table. */
  readonly code: string;
  readonly attempts: number;
  /** Unix time in ms. */
  readonly failedAtMs: number;
}

/** Failures after which somebody should look, and may want to try again. */
const deadLetterCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "engine_error",
  "engine_timeout",
  "engine_protocol_error",
  "engine_overloaded",
  "engine_unreachable",
  "attempts_exhausted",
  "stream_interrupted",
  "internal_error",
]);

/** Whether a request that failed with `code` becomes a dead letter. One that the engine refused would be refused again. */
export function becomesDeadLetter(code: string | undefined): boolean {
  return code !== undefined && deadLetterCodes.has(code);
}
