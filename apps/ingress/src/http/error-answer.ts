import { FileStoreUnavailable } from "@expert-router/file-store";
import { CodedError, isErrorCode, type ErrorCode, type Terminal } from "@expert-router/contracts";

/** Seconds after which a client may try again when nothing better is known. */
const defaultRetryAfterS = 1;

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  404: "not_found",
  405: "method_not_allowed",
  413: "request_too_large",
  415: "unsupported_media_type",
};

const codeOfFastifyError: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: "invalid_json",
  FST_ERR_CTP_EMPTY_JSON_BODY: "invalid_json",
  FST_ERR_CTP_BODY_TOO_LARGE: "request_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
};

const messages: Partial<Record<ErrorCode, string>> = {
  invalid_json: "We could not parse the JSON body of your request.",
  not_found: "Unknown request URL.",
  request_too_large: "The request body is larger than 4 MB.",
  unsupported_media_type: "The request body must be sent as 'content-type: application/json'.",
};

/** What ioredis and BullMQ throw while Redis is away, and what a Redis answers that can take no writes. */
const redisAway =
  /Stream isn't writeable|Connection is closed|connection close|Command timed out|max retries per request|Cluster isn't ready|Cluster redirections|Cluster is ended|startup nodes|sentinels are unreachable|LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|MISCONF|OOM command not allowed/i;
const networkAway = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EHOSTUNREACH",
]);

/** What a client is told about anything that was thrown. Unknown errors become `internal_error`, without their words. */
export function toCodedError(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const code = knownCode(error);
  if (code === undefined) {
    if (error instanceof FileStoreUnavailable) return fileStoreUnavailable(error);
    if (isRedisAway(error)) return redisUnavailable(error);
    return new CodedError("internal_error", "The server had an error while processing your request.", {
      cause: error,
    });
  }
  return new CodedError(code, messages[code] ?? "The request could not be understood.", { cause: error });
}

/** Redis cannot be reached: nothing was accepted, trying again soon makes sense. */
export function redisUnavailable(cause?: unknown): CodedError {
  const message = "The queue is not reachable at the moment. Please try again.";
  return new CodedError("redis_unavailable", message, { retryAfterS: defaultRetryAfterS, cause });
}

function fileStoreUnavailable(cause: unknown): CodedError {
  const message = "The store of files is not reachable at the moment. Please try again.";
  return new CodedError("file_store_unavailable", message, { retryAfterS: defaultRetryAfterS, cause });
}

/** This process is about to end; another one can answer. */
export function shuttingDown(): CodedError {
  return new CodedError("shutting_down", "The server is shutting down. Please try again.", {
    retryAfterS: defaultRetryAfterS,
  });
}

/** The time of a request is over. */
export function deadlineExceeded(): CodedError {
  return new CodedError("deadline_exceeded", "The deadline passed before the answer was complete.");
}

/** Why an answer ended without being completed. */
export function terminalError(terminal: Terminal): CodedError {
  if (terminal.status === "cancelled")
    return new CodedError("request_cancelled", "The request was cancelled.");
  const { code = "internal_error", message = "The request failed." } = terminal.error ?? {};
  if (terminal.status === "expired") {
    return new CodedError(
      isErrorCode(code) && code !== "internal_error" ? code : "deadline_exceeded",
      terminal.error?.message ?? "The deadline of the request has passed.",
    );
  }
  return new CodedError(isErrorCode(code) ? code : "internal_error", message);
}

/** The `retry-after` of an error: 429 and 503 always carry one. */
export function retryAfterS(error: CodedError): number | undefined {
  const { status } = error.definition;
  if (error.retryAfterS !== undefined) return Math.max(1, Math.ceil(error.retryAfterS));
  return status === 429 || status === 503 ? defaultRetryAfterS : undefined;
}

function knownCode(error: unknown): ErrorCode | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { cause, code } = error as { cause?: { code?: unknown }; code?: unknown };
  const fastifyCode = codeOfFastifyError[String(cause?.code ?? code)];
  if (fastifyCode !== undefined) return fastifyCode;
  const status = statusOf(error);
  if (status === undefined || status >= 500) return undefined;
  return codeOfStatus[status] ?? "invalid_request";
}

function statusOf(error: object): number | undefined {
  const { getStatus, statusCode } = error as { getStatus?: () => number; statusCode?: unknown };
  if (typeof getStatus === "function") return getStatus.call(error);
  return typeof statusCode === "number" ? statusCode : undefined;
}

/** Whether Redis is to blame for `error`: it cannot be reached, or takes no writes. */
export function isRedisAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return redisAway.test(error.message) || networkAway.has(String((error as NodeJS.ErrnoException).code));
}
