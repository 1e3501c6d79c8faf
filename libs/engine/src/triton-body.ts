import { chatPrompt } from "./chat-prompt.js";
import { EngineError } from "./engine-error.js";
import type { EngineCall } from "./inference-engine.js";
import { remainingTokens } from "./remaining-tokens.js";

type Body = Readonly<Record<string, unknown>>;

/** Fields that the generate extension would not know what to do with, or that were turned into others. */
const consumed = new Set([
  "model",
  "messages",
  "prompt",
  "stream",
  "stream_options",
  "max_completion_tokens",
  "stop",
  "n",
  "user",
]);

/** What ends a message of {@link chatPrompt}; models trained on it say so themselves, others have to be stopped. */
const endOfMessage = "<|im_end|>";

/**
 * The body for `generate_stream`; `complete` when the answer so far has used up its limit of tokens. Inputs stand at the
 * top under the names of the TensorRT-LLM ensemble, and sampling fields once more in `parameters`, where Triton's vLLM
 * backend reads them.
 */
export function tritonBody(call: EngineCall): Body | "complete" {
  const { body, continueBehind } = call;
  const limits = remainingTokens(body, continueBehind?.tokens ?? 0);
  if (limits === "none") return "complete";
  if (typeof body["n"] === "number" && body["n"] > 1) {
    throw new EngineError("engine_rejected", "This expert's engine gives one choice only.", { param: "n" });
  }
  const limited = { ...body, ...limits };
  const maxTokens = limited["max_completion_tokens"] ?? limited["max_tokens"];
  const chat = call.endpoint === "/v1/chat/completions";
  const stop = stopWords(body["stop"], chat);
  const sampling = {
    ...Object.fromEntries(
      Object.entries(limited).filter(([key, value]) => !consumed.has(key) && value !== null),
    ),
    ...(typeof maxTokens === "number" && { max_tokens: maxTokens }),
  };
  return {
    ...sampling,
    text_input: promptOf(body, chat) + (continueBehind?.text ?? ""),
    stream: true,
    ...(stop.length > 0 && { stop_words: stop }),
    parameters: { ...sampling, stream: true, ...(stop.length > 0 && { stop }) },
  };
}

function promptOf(body: Body, chat: boolean): string {
  if (chat) return chatPrompt(Array.isArray(body["messages"]) ? body["messages"] : []);
  const prompt = body["prompt"];
  const only: unknown = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof only === "string") return only;
  throw new EngineError("engine_rejected", "This expert's engine takes one prompt of text.", {
    param: "prompt",
  });
}

function stopWords(stop: unknown, chat: boolean): string[] {
  const asked =
    typeof stop === "string"
      ? [stop]
      : Array.isArray(stop)
        ? stop.filter((word) => typeof word === "string")
        : [];
  return chat ? [...asked, endOfMessage] : asked;
}
