import type { EngineFamily } from "./engine-family.js";

/**
 * Any server that speaks OpenAI's protocol, and the least that can be expected of one. A plain prompt is not continued:
 * hosted services put instructions around it.
 */
export const openAiFamily: EngineFamily = {
  kind: "openai",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: false,
    continuesCompletion: false,
    abortsOnDisconnect: true,
    reportsUsage: true,
  },
  healthPaths: ["/v1/models"],
  endsWithDone: true,
  takesUsageOption: true,
};
