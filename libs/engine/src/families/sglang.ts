import type { EngineFamily } from "./engine-family.js";

/** SGLang. A closed connection can leave its request decoding to the end. */
export const sglangFamily: EngineFamily = {
  kind: "sglang",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: true,
    continuesCompletion: true,
    abortsOnDisconnect: false,
    reportsUsage: true,
  },
  healthPaths: ["/health"],
  load: {
    running: ["sglang:num_running_reqs"],
    waiting: ["sglang:num_queue_reqs"],
    cacheUsage: ["sglang:token_usage"],
  },
  endsWithDone: true,
  takesUsageOption: true,
  completionTokensDefault: 16,
  continuationFields: { continue_final_message: true },
};
