import type { ChatMessage, Endpoint } from "@expert-router/contracts";
import type { RequestOrigin } from "../routing/prompt-share.js";

type Body = Readonly<Record<string, unknown>>;

/**
 * Fields with which an answer cannot be continued by another attempt: its text is bound to a state inside the
 * engine (grammar, tool call), or what was sent is more than text.
 */
const bindingFields = [
  "tools",
  "functions",
  "response_format",
  "structured_outputs",
  "guided_json",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
  "guided_decoding_backend",
  "grammar",
  "json_schema",
  "regex",
  "ebnf",
  "logprobs",
  "top_logprobs",
  "prompt_logprobs",
  "return_token_ids",
  "echo",
  "suffix",
  "use_beam_search",
  "modalities",
  "audio",
  "prediction",
] as const;

/** Whether the answer is plain text of one choice, so that another attempt may go on behind what is written. */
export function isContinuable(endpoint: Endpoint, body: Body): boolean {
  if (moreThanOne(body["n"]) || moreThanOne(body["best_of"])) return false;
  if (endpoint === "/v1/completions" && typeof body["prompt"] !== "string") return false;
  return bindingFields.every((field) => isUnset(field, body[field]));
}

/** What is classified: the conversation, or the text of the prompt. Empty for prompts given as token ids. */
export function classifierInput(endpoint: Endpoint, body: Body): string | readonly ChatMessage[] {
  if (endpoint === "/v1/chat/completions") return body["messages"] as ChatMessage[];
  const { prompt } = body as { prompt: unknown };
  if (typeof prompt === "string") return prompt;
  const texts = (prompt as unknown[]).filter((part): part is string => typeof part === "string");
  return texts.join("\n");
}

/** Characters of a token, about, and tokens of an answer where no answer has been seen yet. */
const charactersPerToken = 4;
const unknownAnswerTokens = 256;
/** A bound beyond so many mean answers is there for safety, and says nothing about the answer. */
const meaningfulBound = 2;

/** What else tells how long prompt and answer are. */
export interface LengthHints {
  /** Length of the request. */
  readonly bodyBytes: number;
  /** Of the expert's answers so far; undefined: none was seen. */
  readonly meanAnswerTokens: number | undefined;
}

/**
 * Tokens that a request is expected to cost. The length of the body stands for the prompt; the answer is as long as the
 * expert's answers are, or as the request allows, where that is less than twice as much.
 */
export function expectedTokens(body: Body, { bodyBytes, meanAnswerTokens }: LengthHints): number {
  const given = body["max_completion_tokens"] ?? body["max_tokens"];
  const bound = typeof given === "number" && given > 0 ? given : undefined;
  const prompt = Math.ceil(bodyBytes / charactersPerToken);
  const mean = meanAnswerTokens ?? unknownAnswerTokens;
  const answer = bound === undefined ? mean : Math.min(bound, meaningfulBound * mean);
  return prompt + Math.max(1, Math.ceil(answer));
}

/** Who asks, for the choice between versions of the router. */
export function requestOrigin(
  request: { readonly id: string; readonly tenant: string },
  body: Body,
): RequestOrigin {
  const { user } = body;
  return { id: request.id, tenant: request.tenant, user: typeof user === "string" ? user : undefined };
}

/** Whether a stream ends with token counts. */
export function wantsUsage(body: Body): boolean {
  const options = body["stream_options"] as { include_usage?: unknown } | null | undefined;
  return options?.include_usage === true;
}

function moreThanOne(value: unknown): boolean {
  return typeof value === "number" && value > 1;
}

function isUnset(field: string, value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return field === "response_format" && (value as { type?: unknown }).type === "text";
}
