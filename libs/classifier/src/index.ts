export * from "./conversation.js";
export * from "./decision-rule.js";
export * from "./expert-policy.js";
export * from "./router-error.js";
