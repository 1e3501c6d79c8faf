import type { EngineFamily } from "./engine-family.js";

/** Hugging Face text-generation-inference. Answers 429 at its own limit; older releases close a chat stream without `[DONE]`. */
export const tgiFamily: EngineFamily = {
  kind: "tgi",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: false,
    continuesCompletion: true,
    abortsOnDisconnect: true,
    reportsUsage: true,
  },
  healthPaths: ["/health"],
  load: {
    running: ["tgi_batch_current_size"],
    waiting: ["tgi_queue_size"],
    cacheUsage: [],
  },
  endsWithDone: false,
  takesUsageOption: true,
};
