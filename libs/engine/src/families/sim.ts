import type { EngineFamily } from "./engine-family.js";

/** The simulator of this repository, which speaks vLLM's dialect. */
export const simFamily: EngineFamily = {
  kind: "sim",
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
  continuationFields: { continue_final_message: true, add_generation_prompt: false },
};
