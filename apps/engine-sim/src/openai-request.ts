import { RequestError } from "./request-error.js";
import { maxModelTokens } from "./sim-options.js";
import type { SimRequest } from "./sim-request.js";
import type { SimulatedMessage, SimulatedPrompt } from "./simulated-answer.js";

type Body = Readonly<Record<string, unknown>>;

const maxChoices = 128;

/** Checks the body of `POST /v1/chat/completions`. Throws a {@link RequestError}. */
export function parseChatRequest(body: Body, model: string): SimRequest {
  const messages = requireMessages(body);
  const continueFinalMessage = optional(body, "continue_final_message", isBoolean, "a boolean") ?? false;
  const addGenerationPrompt = optional(body, "add_generation_prompt", isBoolean, "a boolean") ?? true;
  if (continueFinalMessage && addGenerationPrompt) {
    throw new RequestError(
      400,
      "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
      "continue_final_message",
    );
  }
  if (continueFinalMessage && messages.at(-1)?.role !== "assistant") {
    throw new RequestError(400, "continue_final_message needs an assistant message at the end", "messages");
  }
  const prompt: SimulatedPrompt = { endpoint: "/v1/chat/completions", messages, continueFinalMessage };
  const maxTokens = optionalMaxTokens(body, "max_completion_tokens") ?? optionalMaxTokens(body, "max_tokens");
  return { prompts: [prompt], maxTokens, ...parseShared(body, model) };
}

/** Checks the body of `POST /v1/completions`. Throws a {@link RequestError}. */
export function parseCompletionRequest(body: Body, model: string): SimRequest {
  const prompts = requirePrompts(body["prompt"]).map(
    (prompt) => ({ endpoint: "/v1/completions", prompt }) as const,
  );
  return { prompts, maxTokens: optionalMaxTokens(body, "max_tokens"), ...parseShared(body, model) };
}

function parseShared(body: Body, model: string): Omit<SimRequest, "prompts" | "maxTokens"> {
  const asked = optional(body, "model", isString, "a string") ?? model;
  if (asked !== model) throw new RequestError(404, `The model \`${asked}\` does not exist.`, "model");
  const n = optional(body, "n", isWhole, "a whole number") ?? 1;
  if (n < 1 || n > maxChoices) throw new RequestError(400, `n must be from 1 to ${maxChoices}`, "n");
  const options = optional(body, "stream_options", isObject, "an object");
  const stream = optional(body, "stream", isBoolean, "a boolean") ?? false;
  if (options !== undefined && !stream) {
    throw new RequestError(400, "Stream options can only be defined when `stream=True`.", "stream_options");
  }
  return {
    n,
    stop: parseStop(body["stop"]),
    stream,
    includeUsage: options?.["include_usage"] === true,
    fault: body["x_sim_fault"],
  };
}

function requireMessages(body: Body): SimulatedMessage[] {
  const messages = body["messages"];
  if (messages === undefined) throw new RequestError(400, "Field required: messages", "messages");
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RequestError(400, "messages must be an array with at least one message", "messages");
  }
  return messages.map((message: unknown, i) => {
    if (!isObject(message) || !isString(message["role"])) {
      throw new RequestError(400, `messages[${i}] must be an object with a role`, `messages[${i}].role`);
    }
    const { content } = message;
    if (content !== undefined && content !== null && !isString(content) && !Array.isArray(content)) {
      throw new RequestError(
        400,
        `messages[${i}].content must be a string or an array of parts`,
        `messages[${i}].content`,
      );
    }
    return { role: message["role"], content };
  });
}

function requirePrompts(prompt: unknown): (string | number[])[] {
  if (prompt === undefined || prompt === null)
    throw new RequestError(400, "Field required: prompt", "prompt");
  if (isString(prompt)) return [prompt];
  if (Array.isArray(prompt) && prompt.length > 0) {
    if (prompt.every(isWhole)) return [prompt];
    if (prompt.every((one) => isString(one) || (Array.isArray(one) && one.length > 0 && one.every(isWhole))))
      return prompt;
  }
  throw new RequestError(400, "prompt must be a string, an array of strings, or token ids", "prompt");
}

function optionalMaxTokens(body: Body, field: string): number | undefined {
  const value = optional(body, field, isWhole, "a whole number");
  if (value !== undefined && (value < 1 || value > maxModelTokens)) {
    throw new RequestError(400, `${field} must be from 1 to ${maxModelTokens}, got ${value}.`, field);
  }
  return value;
}

function parseStop(stop: unknown): string[] | undefined {
  if (stop === undefined || stop === null) return undefined;
  const words = isString(stop) ? [stop] : stop;
  if (!Array.isArray(words) || !words.every(isString))
    throw new RequestError(400, "stop must be a string or an array of strings", "stop");
  return words.filter((word) => word !== "");
}

function optional<T>(
  body: Body,
  field: string,
  is: (value: unknown) => value is T,
  what: string,
): T | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (!is(value)) throw new RequestError(400, `${field} must be ${what}`, field);
  return value;
}

const isString = (value: unknown): value is string => typeof value === "string";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isWhole = (value: unknown): value is number => Number.isInteger(value);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
