export * from "./engine-error.js";
export * from "./inference-engine.js";
