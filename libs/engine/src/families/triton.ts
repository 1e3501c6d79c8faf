import type { EngineFamily } from "./engine-family.js";

/**
 * NVIDIA Triton with TensorRT-LLM or its vLLM backend, by the generate extension. It knows no chats: the adapter
 * renders them, and so can go on behind any text. Its streams have no `[DONE]` and no token counts.
 */
export const tritonFamily: EngineFamily = {
  kind: "triton",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: true,
    continuesCompletion: true,
    abortsOnDisconnect: true,
    reportsUsage: false,
  },
  healthPaths: ["/v2/health/ready"],
  endsWithDone: false,
  takesUsageOption: false,
};
