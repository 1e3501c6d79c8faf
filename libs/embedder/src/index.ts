export * from "./classifier.js";
export * from "./expert-router.js";
