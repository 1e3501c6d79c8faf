import type { BatchError, Endpoint } from "@expert-router/contracts";
import { maxLineBytes, type FileLine } from "./file-lines.js";

/** One request of a batch. */
export interface BatchLine {
  /** Number of the line in the input file, from 1. */
  readonly line: number;
  readonly customId: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Length of the line. */
  readonly bytes: number;
  /** Where it begins in the file. */
  readonly offset: number;
}

/** Codes of what can be wrong with an input file; docs/batches.md lists them. */
export type BatchErrorCode =
  | "empty_file"
  | "too_many_requests"
  | "line_too_large"
  | "invalid_utf8"
  | "invalid_json_line"
  | "missing_required_parameter"
  | "invalid_value"
  | "duplicate_custom_id"
  | "invalid_method"
  | "invalid_url"
  | "mismatched_endpoint"
  | "model_not_found"
  | "file_not_found";

const maxCustomIdLength = 512;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one line, or says what is wrong with it. */
export function readBatchLine({ line, bytes, offset }: FileLine, endpoint: Endpoint): BatchLine | BatchError {
  const wrong = (code: BatchErrorCode, message: string, param: string | null = null): BatchError => ({
    code,
    line,
    message,
    param,
  });
  if (bytes === undefined)
    return wrong("line_too_large", `The line is longer than ${maxLineBytes / 1_048_576} MB.`);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return wrong("invalid_utf8", "The line is not UTF-8 text.");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong("invalid_json_line", "This line is not parseable as valid JSON.");
  }
  if (!isObject(value)) return wrong("invalid_json_line", "This line is not a JSON object.");
  const { custom_id: customId, method, url, body } = value;
  for (const [param, given] of Object.entries({ custom_id: customId, method, url, body })) {
    if (given === undefined || given === null)
      return wrong("missing_required_parameter", `Missing required parameter: '${param}'.`, param);
  }
  if (typeof customId !== "string" || customId === "" || customId.length > maxCustomIdLength)
    return wrong(
      "invalid_value",
      `'custom_id' must be text of 1 to ${maxCustomIdLength} characters.`,
      "custom_id",
    );
  if (method !== "POST") return wrong("invalid_method", "'method' must be 'POST'.", "method");
  if (typeof url !== "string") return wrong("invalid_url", "'url' must be text.", "url");
  if (url !== endpoint) {
    const message = `The URL of this request does not match the endpoint of the batch, which is '${endpoint}'.`;
    return wrong("mismatched_endpoint", message, "url");
  }
  if (!isObject(body)) return wrong("invalid_value", "'body' must be a JSON object.", "body");
  if (body["model"] === undefined || body["model"] === null)
    return wrong("missing_required_parameter", "Missing required parameter: 'body.model'.", "body.model");
  if (typeof body["model"] !== "string")
    return wrong("invalid_value", "'body.model' must be text.", "body.model");
  if (body["stream"] === true)
    return wrong(
      "invalid_value",
      "A request of a batch cannot be streamed: 'body.stream' is true.",
      "body.stream",
    );
  return { line, customId, body, bytes: bytes.length, offset };
}

/** Whether a line could not be read. */
export function isBatchError(read: BatchLine | BatchError): read is BatchError {
  return "code" in read;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
