import type { EngineFamily } from "./engine-family.js";

/** Ollama. Wraps plain prompts in the model's template, so that they cannot be continued either. Queues 512, then answers 503. */
export const ollamaFamily: EngineFamily = {
  kind: "ollama",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: false,
    continuesCompletion: false,
    abortsOnDisconnect: true,
    reportsUsage: true,
  },
  healthPaths: ["/api/version"],
  endsWithDone: true,
  takesUsageOption: true,
};
