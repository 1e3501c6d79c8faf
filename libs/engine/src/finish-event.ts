import type { Endpoint } from "@expert-router/contracts";
import type { EngineEvent } from "./inference-engine.js";

/** The closing delta of an answer, for servers that send none, in the endpoint's shape. */
export function finishEvent(endpoint: Endpoint, reason: string): EngineEvent {
  const said = endpoint === "/v1/chat/completions" ? { delta: {} } : { text: "" };
  return {
    type: "delta",
    delta: { choices: [{ index: 0, ...said, logprobs: null, finish_reason: reason }] },
  };
}

/** The rest of an answer that has used up its limit of tokens: nothing but the end. */
export async function* lengthReached(endpoint: Endpoint): AsyncGenerator<readonly EngineEvent[]> {
  yield [finishEvent(endpoint, "length")];
}
