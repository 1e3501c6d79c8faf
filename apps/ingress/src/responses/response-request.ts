import {
  CodedError,
  responseRequestSchema,
  type ChatMessage,
  type ResponseRequest,
} from "@expert-router/contracts";
import { validate } from "../http/request-validation.js";

const maxMetadataPairs = 16;

/** Fields of the Responses API that this is not the place for, and the values that ask for nothing. */
const unsupported: Readonly<Record<string, readonly unknown[]>> = {
  context_management: [],
  conversation: [],
  max_tool_calls: [],
  modalities: [],
  moderation: [],
  prompt: [],
  prompt_cache_retention: ["in-memory"],
  reasoning: [],
  service_tier: ["auto", "default"],
  top_logprobs: [0],
  truncation: ["disabled"],
  tool_choice: ["none", "auto"],
};

/**
 * Checks the body of `POST /v1/responses`.
 * @throws CodedError `unsupported_parameter` for what only the whole API can do, and those of {@link validate}.
 */
export function readResponseRequest(body: unknown): ResponseRequest {
  const request = validate(responseRequestSchema, isObject(body) ? supported(body) : body);
  if (Object.keys(request.metadata ?? {}).length > maxMetadataPairs) {
    const message = `Invalid value for 'metadata': at most ${maxMetadataPairs} pairs.`;
    throw new CodedError("invalid_value", message, { param: "metadata" });
  }
  if (request.background === true && request.store === false) {
    const message = "Invalid value for 'store': a response in the background has to be stored.";
    throw new CodedError("invalid_value", message, { param: "store" });
  }
  return request;
}

/** The body without what says nothing. */
function supported(body: Record<string, unknown>): Record<string, unknown> {
  const { ...rest } = body;
  for (const [name, harmless] of Object.entries(unsupported)) {
    const value = rest[name];
    if (value === undefined) continue;
    if (value !== null && !harmless.includes(value)) throw notSupported(name);
    delete rest[name];
  }
  for (const name of ["tools", "include"]) {
    const value = rest[name];
    if (Array.isArray(value) && value.length > 0) throw notSupported(name);
  }
  if (isObject(rest["text"]) && rest["text"]["verbosity"] != null) throw notSupported("text.verbosity");
  refuseOtherItems(rest["input"]);
  return rest;
}

function refuseOtherItems(input: unknown): void {
  if (!Array.isArray(input)) return;
  for (const [index, item] of (input as unknown[]).entries()) {
    if (!isObject(item)) continue;
    const { type, content } = item;
    if (typeof type === "string" && type !== "message") throw notSupported(`input[${index}].type`);
    if (!Array.isArray(content)) continue;
    for (const [at, part] of (content as unknown[]).entries()) {
      const kind = isObject(part) ? part["type"] : undefined;
      if (typeof kind === "string" && !["input_text", "output_text", "text"].includes(kind))
        throw notSupported(`input[${index}].content[${at}].type`);
    }
  }
}

/** The messages of a request's own input. */
export function inputMessages({ input }: ResponseRequest): ChatMessage[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  return input.map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  }));
}

/** The chat request that gives the answer. */
export function chatBody(
  request: ResponseRequest,
  messages: readonly ChatMessage[],
): Record<string, unknown> {
  const { model, max_output_tokens: maxTokens, temperature, top_p: topP, user, text } = request;
  const format = text?.format ?? { type: "text" };
  return {
    model,
    messages,
    ...(maxTokens != null && { max_tokens: maxTokens }),
    ...(temperature != null && { temperature }),
    ...(topP != null && { top_p: topP }),
    ...(user != null && { user }),
    ...(format.type === "json_object" && { response_format: { type: "json_object" } }),
    ...(format.type === "json_schema" && { response_format: jsonSchemaFormat(format) }),
  };
}

/** What the response says again of its request. */
export function echoOf(request: ResponseRequest): Record<string, unknown> {
  return {
    instructions: request.instructions ?? null,
    previous_response_id: request.previous_response_id ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    temperature: request.temperature ?? null,
    top_p: request.top_p ?? null,
    text: { format: request.text?.format ?? { type: "text" } },
    tool_choice: "auto",
    tools: [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    truncation: "disabled",
    ...(request.user != null && { user: request.user }),
    ...(request.safety_identifier != null && { safety_identifier: request.safety_identifier }),
    ...(request.prompt_cache_key != null && { prompt_cache_key: request.prompt_cache_key }),
  };
}

function jsonSchemaFormat({ type, ...schema }: { readonly type: "json_schema" }): object {
  return { type, json_schema: schema };
}

function notSupported(param: string): CodedError {
  const message = `Unsupported parameter: '${param}'. This server supports the part of the Responses API that is about text.`;
  return new CodedError("unsupported_parameter", message, { param });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
