import type { EngineFamily } from "./engine-family.js";
import { vllmFamily } from "./vllm.js";

/** The simulator of this repository, which speaks vLLM's dialect. */
export const simFamily: EngineFamily = {
  ...vllmFamily,
  kind: "sim",
  completionTokensDefault: undefined,
};
