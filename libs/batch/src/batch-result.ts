import {
  batchRequestId,
  type BatchId,
  type BatchUsage,
  type ErrorBody,
  type Usage,
} from "@expert-router/contracts";

/** What came of one line. */
export interface BatchResult {
  readonly line: number;
  /** Whether it belongs to the output file or to the error file. */
  readonly part: "output" | "errors";
  /** The line of that file, without its end. */
  readonly text: string;
  readonly usage?: Usage | undefined;
}

/** Why a line was not run to its end. */
export type UnrunCode = "batch_expired" | "batch_cancelled";

const unrunMessages: Record<UnrunCode, string> = {
  batch_expired: "This request could not be executed before the completion window expired.",
  batch_cancelled: "The batch was cancelled before this request was executed.",
};

/** Which line of which batch. */
export interface LineIdentity {
  readonly batchId: BatchId;
  readonly line: number;
  readonly customId: string;
}

/** A line that was answered. */
export function answered(
  at: LineIdentity,
  body: Readonly<Record<string, unknown>>,
  usage: Usage | undefined,
): BatchResult {
  return { line: at.line, part: "output", text: responseLine(at, 200, body), usage };
}

/** A line that was refused, or whose request failed, as the endpoint would have said it. */
export function refused(at: LineIdentity, status: number, body: ErrorBody): BatchResult {
  return { line: at.line, part: "errors", text: responseLine(at, status, body) };
}

/** A line that was never run to its end. */
export function unrun(at: LineIdentity, code: UnrunCode): BatchResult {
  const text = JSON.stringify({
    id: lineId(at),
    custom_id: at.customId,
    response: null,
    error: { code, message: unrunMessages[code] },
  });
  return { line: at.line, part: "errors", text };
}

/** No tokens. */
export const noUsage: BatchUsage = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

/** `sum` and the usage of one more answer. */
export function addUsage(sum: BatchUsage, usage: Usage): BatchUsage {
  return {
    input_tokens: sum.input_tokens + count(usage.prompt_tokens),
    input_tokens_details: {
      cached_tokens:
        sum.input_tokens_details.cached_tokens + detail(usage["prompt_tokens_details"], "cached_tokens"),
    },
    output_tokens: sum.output_tokens + count(usage.completion_tokens),
    output_tokens_details: {
      reasoning_tokens:
        sum.output_tokens_details.reasoning_tokens +
        detail(usage["completion_tokens_details"], "reasoning_tokens"),
    },
    total_tokens: sum.total_tokens + count(usage.total_tokens),
  };
}

/** Two sums as one. */
export function joinUsage(a: BatchUsage, b: BatchUsage): BatchUsage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    input_tokens_details: {
      cached_tokens: a.input_tokens_details.cached_tokens + b.input_tokens_details.cached_tokens,
    },
    output_tokens: a.output_tokens + b.output_tokens,
    output_tokens_details: {
      reasoning_tokens: a.output_tokens_details.reasoning_tokens + b.output_tokens_details.reasoning_tokens,
    },
    total_tokens: a.total_tokens + b.total_tokens,
  };
}

function responseLine(at: LineIdentity, status: number, body: object): string {
  return JSON.stringify({
    id: lineId(at),
    custom_id: at.customId,
    response: { status_code: status, request_id: batchRequestId(at.batchId, at.line), body },
    error: null,
  });
}

function lineId({ batchId, line }: LineIdentity): string {
  return `batch_${batchRequestId(batchId, line)}`;
}

function detail(details: unknown, name: string): number {
  return count((details as Record<string, unknown> | null | undefined)?.[name]);
}

/** An engine may say anything. */
function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
