import { RequestError } from "./request-error.js";
import { maxModelTokens } from "./sim-options.js";
import type { SimRequest } from "./sim-request.js";

/**
 * Checks the body of Triton's generate extension. Inputs stand at the top, as the TensorRT-LLM ensemble names them
 * (`text_input`, `max_tokens`, `stop_words`), or in `parameters`, as Triton's vLLM backend reads them.
 * Throws a {@link RequestError}.
 */
export function parseTritonRequest(body: Readonly<Record<string, unknown>>, stream: boolean): SimRequest {
  const text = body["text_input"];
  if (typeof text !== "string") {
    throw new RequestError(
      400,
      "failed to parse the request JSON buffer: expected a string in 'text_input'",
      "text_input",
    );
  }
  const inner = body["parameters"];
  const parameters = typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>) : {};
  const maxTokens = body["max_tokens"] ?? parameters["max_tokens"];
  if (
    maxTokens !== undefined &&
    !(Number.isInteger(maxTokens) && Number(maxTokens) >= 1 && Number(maxTokens) <= maxModelTokens)
  ) {
    throw new RequestError(
      400,
      `max_tokens must be a whole number from 1 to ${maxModelTokens}`,
      "max_tokens",
    );
  }
  const words = body["stop_words"] ?? parameters["stop"];
  const stop =
    typeof words === "string"
      ? [words]
      : Array.isArray(words)
        ? words.filter((word) => typeof word === "string")
        : [];
  return {
    prompts: [{ endpoint: "/v2/generate", prompt: text }],
    n: 1,
    maxTokens: maxTokens as number | undefined,
    stop: stop.length > 0 ? stop.filter((word) => word !== "") : undefined,
    stream,
    includeUsage: false,
    fault: body["x_sim_fault"] ?? parameters["x_sim_fault"],
  };
}
