import type { EngineFamily } from "./engine-family.js";

/**
 * llama.cpp, by its own server or by that of llama-cpp-python, which has no `/health` and overlooks the wish for usage.
 * That one also answers 500 to a body of the wrong form. The two treat a last assistant message differently, so chats are not continued.
 */
export const llamaCppFamily: EngineFamily = {
  kind: "llamacpp",
  capabilities: {
    chat: true,
    completions: true,
    continuesChat: false,
    continuesCompletion: true,
    abortsOnDisconnect: true,
    reportsUsage: false,
  },
  healthPaths: ["/health", "/v1/models"],
  load: {
    running: ["llamacpp:requests_processing"],
    waiting: ["llamacpp:requests_deferred"],
    cacheUsage: [],
    slots: { path: "/props", field: "total_slots" },
  },
  endsWithDone: true,
  takesUsageOption: true,
  disguisedRejection: /^\d+ validation errors?:/,
};
