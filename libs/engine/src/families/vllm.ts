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
  load: {
    running: ["vllm:num_requests_running"],
    waiting: ["vllm:num_requests_waiting"],
    cacheUsage: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
  },
  endsWithDone: true,
  takesUsageOption: true,
  completionTokensDefault: 16,
  continuationFields: { continue_final_message: true, add_generation_prompt: false },
};
