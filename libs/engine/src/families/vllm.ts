import type { EngineFamily } from "./engine-family.js";

/** vLLM. `/health` can be fine while it admits nothing, which is why there are idle timeouts. */
export const vllmFamily: EngineFamily = {
  kind: "vllm",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: true,
    continuesCompletion: true,
    abortsOnDisconnect: true,
    reportsUsage: true,
  },
  healthPaths: ["/health"],
  endsWithDone: true,
  takesUsageOption: true,
  completionTokensDefault: 16,
  continuationFields: { continue_final_message: true, add_generation_prompt: false },
};
