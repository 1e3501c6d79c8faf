export type { MethodFigures } from "./held-out-predictions.js";
export * from "./validation-methods.js";
export * from "./validation-rows.js";
export type { ValidationTools } from "./validation-tools.js";
export * from "./validation.js";
