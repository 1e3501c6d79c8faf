import {
  messageIdOf,
  responseIdOf,
  type ErrorCode,
  type RequestRecord,
  type RequestState,
  type ResponseMessage,
  type ResponseObject,
  type Usage,
} from "@expert-router/contracts";

/** What a log holds of an answer. */
export interface AnswerText {
  readonly text: string;
  /** Why the engine stopped, in the words of chat completions; undefined: it did not say. */
  readonly finishReason: string | undefined;
}

/** Why an answer is not whole, in the words of both APIs. */
const incompleteReasons: Readonly<Record<string, string>> = {
  length: "max_output_tokens",
  content_filter: "content_filter",
};

/** Codes that OpenAI's clients know; every other failure is the server's. */
const errorCodes: Partial<Record<ErrorCode, string>> = {
  engine_rejected: "invalid_prompt",
  engine_overloaded: "rate_limit_exceeded",
  queue_full: "rate_limit_exceeded",
};

/** A response that has not ended. */
export function openResponse(record: RequestRecord, status: "queued" | "in_progress"): ResponseObject {
  return responseObject(record, { status, output: [] });
}

/** A response that has ended, with what is in its log. */
export function endedResponse(state: RequestState, { text, finishReason }: AnswerText): ResponseObject {
  const reason = incompleteReasons[finishReason ?? ""];
  const status = endStatus(state, reason);
  const whole = status === "completed";
  const error = state.error;
  return responseObject(state, {
    status,
    output: text === "" && !whole ? [] : [messageItem(state, text, whole ? "completed" : "incomplete")],
    completed_at: whole ? Math.floor((state.finishedAtMs ?? state.createdAtMs) / 1_000) : null,
    error:
      status === "failed"
        ? {
            code: errorCodes[error?.code as ErrorCode] ?? "server_error",
            message: error?.message ?? "The request failed.",
          }
        : null,
    incomplete_details: status === "incomplete" && reason !== undefined ? { reason } : null,
    usage: usageOf(state.usage),
  });
}

/** The message of a response, so far or in the end. */
export function messageItem(
  { id }: Pick<RequestRecord, "id">,
  text: string | undefined,
  status: ResponseMessage["status"],
): ResponseMessage {
  return {
    id: messageIdOf(id),
    type: "message",
    status,
    role: "assistant",
    content: text === undefined ? [] : [textPart(text)],
  };
}

/** The only part of a message. */
export function textPart(text: string): ResponseMessage["content"][0] {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function endStatus({ status }: RequestState, incomplete: string | undefined): ResponseObject["status"] {
  if (status === "completed") return incomplete === undefined ? "completed" : "incomplete";
  return status === "cancelled" ? "cancelled" : "failed";
}

function responseObject(
  record: RequestRecord,
  changing: Pick<ResponseObject, "status" | "output"> & Partial<ResponseObject>,
): ResponseObject {
  const { id, createdAtMs, decision, metadata, response } = record;
  return {
    id: responseIdOf(id),
    object: "response",
    created_at: Math.floor(createdAtMs / 1_000),
    completed_at: null,
    background: response?.background ?? false,
    error: null,
    incomplete_details: null,
    model: decision.expert,
    metadata: metadata ?? {},
    store: response?.stored ?? false,
    usage: null,
    ...response?.echo,
    ...changing,
  };
}

function usageOf(usage: Usage | undefined): ResponseObject["usage"] {
  if (usage === undefined) return null;
  const detail = (of: string, name: string): number => {
    const details = usage[of] as Record<string, unknown> | null | undefined;
    const value = details?.[name];
    return typeof value === "number" ? value : 0;
  };
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: { cached_tokens: detail("prompt_tokens_details", "cached_tokens") },
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: detail("completion_tokens_details", "reasoning_tokens") },
    total_tokens: usage.total_tokens,
  };
}
