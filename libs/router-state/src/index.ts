export * from "./deployment-steps.js";
export * from "./redis-deployment-store.js";
export * from "./redis-kept-prompts.js";
export * from "./roll-out.js";
