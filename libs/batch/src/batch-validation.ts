import { createHash } from "node:crypto";
import { maxBatchLines, type BatchError, type Endpoint } from "@expert-router/contracts";
import { isBatchError, readBatchLine, type BatchErrorCode, type BatchLine } from "./batch-line.js";
import { fileLines } from "./file-lines.js";

/** Problems told of one file. */
export const maxBatchErrors = 100;

/** What an input file holds. */
export interface ValidatedFile {
  /** Requests in it. */
  readonly total: number;
  /** The one model that all of them name; undefined where they differ. */
  readonly model: string | undefined;
  /** Empty where it can be run; the first {@link maxBatchErrors} problems otherwise. */
  readonly errors: readonly BatchError[];
}

/** Settings of {@link validateBatchFile}. */
export interface BatchValidation {
  readonly endpoint: Endpoint;
  /** What else may be wrong with a request. */
  readonly check: (line: BatchLine) => { code: BatchErrorCode; message: string; param: string } | undefined;
  readonly signal: AbortSignal;
}

/** Reads a whole input file, line by line. @throws the signal's reason */
export async function validateBatchFile(
  body: AsyncIterable<Uint8Array>,
  { endpoint, check, signal }: BatchValidation,
): Promise<ValidatedFile> {
  const errors: BatchError[] = [];
  const customIds = new Set<string>();
  const models = new Set<string>();
  let total = 0;
  for await (const lines of fileLines(body)) {
    signal.throwIfAborted();
    for (const found of lines) {
      total += 1;
      if (total > maxBatchLines || found.line > maxFileLines)
        return { total, model: undefined, errors: [tooMany(found.line)] };
      const read = readBatchLine(found, endpoint);
      const problem = isBatchError(read) ? read : (duplicate(read, customIds) ?? checked(read, check));
      if (problem !== undefined && errors.length < maxBatchErrors) errors.push(problem);
      if (!isBatchError(read) && models.size < 2) models.add(read.body["model"] as string);
    }
  }
  if (total === 0) errors.push(emptyFile);
  return { total, model: models.size === 1 ? [...models][0] : undefined, errors };
}

/** Lines of a file, blank ones too: the ids of requests have 20 bits for the number. */
const maxFileLines = 1_000_000;

const emptyFile: BatchError = {
  code: "empty_file" satisfies BatchErrorCode,
  line: null,
  message: "The input file is empty. It must hold at least one request.",
  param: "input_file_id",
};

function tooMany(line: number): BatchError {
  return {
    code: "too_many_requests" satisfies BatchErrorCode,
    line,
    message: `The input file holds more than ${maxBatchLines} requests, or ${maxFileLines} lines.`,
    param: "input_file_id",
  };
}

function checked(line: BatchLine, check: BatchValidation["check"]): BatchError | undefined {
  const problem = check(line);
  return problem && { ...problem, line: line.line };
}

function duplicate({ customId, line }: BatchLine, seen: Set<string>): BatchError | undefined {
  // So many ids of the greatest length would take tens of MB.
  const key = customId.length <= 64 ? customId : `#${createHash("sha256").update(customId).digest("base64")}`;
  if (!seen.has(key)) {
    seen.add(key);
    return undefined;
  }
  return {
    code: "duplicate_custom_id" satisfies BatchErrorCode,
    line,
    message: "The custom_id of this request is that of another request. It must be unique in a batch.",
    param: "custom_id",
  };
}
