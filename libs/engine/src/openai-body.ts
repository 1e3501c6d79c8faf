import { EngineError } from "./engine-error.js";
import type { EngineFamily } from "./families/engine-family.js";
import type { EngineCall } from "./inference-engine.js";
import { remainingTokens } from "./remaining-tokens.js";

type Body = Readonly<Record<string, unknown>>;

/**
 * The body to send for `call`, always streaming; `complete` when the answer so far has used up its limit of tokens.
 * Fields that are not ours to set pass through.
 */
export function openAiBody(call: EngineCall, family: EngineFamily, model: string): Body | "complete" {
  const { continueBehind } = call;
  const continued = continueBehind === undefined ? {} : continuedFields(call, family, continueBehind);
  if (continued === "none") return "complete";
  const { stream_options: asked, ...rest } = call.body;
  const streamOptions = {
    ...(isObject(asked) ? asked : {}),
    ...(family.takesUsageOption && { include_usage: true }),
  };
  return {
    ...rest,
    ...continued,
    model,
    stream: true,
    ...(Object.keys(streamOptions).length > 0 && { stream_options: streamOptions }),
  };
}

function continuedFields(
  call: EngineCall,
  family: EngineFamily,
  written: { text: string; tokens: number },
): Body | "none" {
  const defaultLimit = call.endpoint === "/v1/completions" ? family.completionTokensDefault : undefined;
  const limits = remainingTokens(call.body, written.tokens, defaultLimit);
  if (limits === "none") return "none";
  if (call.endpoint === "/v1/completions")
    return { ...limits, prompt: continuedPrompt(call.body["prompt"], written.text) };
  if (family.continuationFields === undefined)
    throw cannotContinue(`${family.kind} cannot go on behind a partial chat answer`);
  return { ...limits, ...family.continuationFields, messages: continuedMessages(call.body, written.text) };
}

function continuedPrompt(prompt: unknown, text: string): string {
  const only: unknown = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof only !== "string") throw cannotContinue("only a prompt of text can be continued");
  return only + text;
}

/** The client may have begun the assistant's message itself, in the same way; it is then made longer. */
function continuedMessages(body: Body, text: string): unknown[] {
  const messages: unknown[] = Array.isArray(body["messages"]) ? body["messages"] : [];
  const last = messages.at(-1);
  if (body["continue_final_message"] === true && isObject(last) && typeof last["content"] === "string") {
    return [...messages.slice(0, -1), { ...last, content: last["content"] + text }];
  }
  return [...messages, { role: "assistant", content: text }];
}

function cannotContinue(why: string): EngineError {
  return new EngineError("engine_error", `The answer cannot be continued: ${why}.`);
}

const isObject = (value: unknown): value is Body =>
  typeof value === "object" && value !== null && !Array.isArray(value);
