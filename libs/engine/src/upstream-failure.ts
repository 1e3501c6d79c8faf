/** What an inference server's refusals and broken connections mean in our own error codes. */
import { EngineError, type EngineErrorCode } from "./engine-error.js";

const maxMessageLength = 1_000;
const maxFailureLength = 200;
const maxRetryAfterS = 3_600;

/**
 * An error answer as {@link EngineError}. `retryAfter` is the header's value. A message that matches `rejection` refuses
 * the request, whatever the status.
 */
export function failureOfStatus(
  status: number,
  body: string,
  retryAfter: string | undefined,
  rejection?: RegExp,
): EngineError {
  const { message, param } = readErrorBody(body);
  const rejected = message !== undefined && rejection?.test(message) === true;
  const code = rejected ? "engine_rejected" : codeOfStatus(status);
  return new EngineError(
    code,
    fitForClient(code, message) ?? `The engine answered with HTTP status ${status}.`,
    {
      upstreamStatus: status,
      // The name of a field helps only the one who can change it.
      ...(code === "engine_rejected" && param !== undefined && { param }),
      retryAfterS: parseRetryAfter(retryAfter),
    },
  );
}

/** An `error` that came inside a stream whose status was 200 already. */
export function failureInStream(error: unknown): EngineError {
  const { message, param, status } = readError(error);
  const code = status === undefined ? "engine_error" : codeOfStatus(status);
  return new EngineError(code, fitForClient(code, message) ?? "The engine failed while it answered.", {
    upstreamStatus: status,
    ...(code === "engine_rejected" && param !== undefined && { param }),
  });
}

/** Failures that come before a request has left: the engine knows nothing of it. */
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * A connection that could not be made, or broke; `answered`: the answer had begun. A request that may have reached the
 * engine may be what broke it, so only a connection that never was counts as unreachable.
 */
export function failureOfConnection(cause: Error, answered: boolean): EngineError {
  const detail = "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  if (neverConnected.has(detail)) {
    return new EngineError("engine_unreachable", `The engine cannot be reached (${detail}).`, { cause });
  }
  if (detail === "UND_ERR_HEADERS_OVERFLOW" || cause.name === "HTTPParserError")
    return new EngineError("engine_protocol_error", "What the engine sends is not HTTP.", { cause });
  const what = answered ? "broke off its answer" : "closed the connection without an answer";
  return new EngineError("engine_error", `The engine ${what} (${detail}).`, { cause });
}

/** Seconds from a `retry-after` header: a number or an HTTP date. */
export function parseRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1_000;
  return Number.isNaN(seconds) ? undefined : Math.min(maxRetryAfterS, Math.max(0, Math.ceil(seconds)));
}

/** The message and the field at fault in an error body; families differ in how they wrap them. */
export function readErrorBody(body: string): { message?: string; param?: string; status?: number } {
  try {
    const parsed: unknown = JSON.parse(body);
    return readError(isObject(parsed) && parsed["error"] !== undefined ? parsed["error"] : parsed);
  } catch {
    const message = body.trim().slice(0, maxMessageLength);
    return message === "" || message.startsWith("<") ? {} : { message };
  }
}

function codeOfStatus(status: number): EngineErrorCode {
  if (status === 429 || status === 503) return "engine_overloaded";
  if (status === 408 || status === 504) return "engine_timeout";
  // A wrong key, path or model name is a mistake of the installation: the client can do nothing about it.
  if (status === 401 || status === 403 || status === 404 || status === 405) return "engine_error";
  return status >= 400 && status < 500 ? "engine_rejected" : "engine_error";
}

/** What a server says of itself may hold paths and stack traces, behind the first line as a rule. */
function fitForClient(code: EngineErrorCode, message: string | undefined): string | undefined {
  // A list of faults has the first of them on a line of its own; a stack trace comes behind an empty line or a path.
  const said = message?.split(/\n\s*\n|\n\s*(?:File|at|Traceback)\b/, 1)[0];
  return code === "engine_rejected" ? said : said?.split("\n", 1)[0]?.slice(0, maxFailureLength);
}

function readError(error: unknown): { message?: string; param?: string; status?: number } {
  if (typeof error === "string") return { message: error.slice(0, maxMessageLength) };
  if (!isObject(error)) return {};
  const message = [error["message"], error["detail"], error["error_message"]].find(
    (value) => typeof value === "string",
  );
  const status = [error["code"], error["status"], error["http_status_code"]].find(isHttpStatus);
  return {
    ...(typeof message === "string" && { message: message.slice(0, maxMessageLength) }),
    ...(typeof error["param"] === "string" && { param: error["param"] }),
    ...(status !== undefined && { status }),
  };
}

const isHttpStatus = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
