export * from "./artifact-folder.js";
export * from "./benchmark-classifier.js";
export * from "./classifier.js";
export * from "./encoder/index.js";
export * from "./english-word-vectors.js";
export * from "./expert-router.js";
