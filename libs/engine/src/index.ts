export * from "./chat-prompt.js";
export * from "./create-engine.js";
export * from "./engine-error.js";
export type { EngineLoad } from "./engine-load.js";
export type { EngineOptions } from "./engine-options.js";
export { engineFamilies } from "./families/index.js";
export type { EngineFamily } from "./families/engine-family.js";
export * from "./inference-engine.js";
