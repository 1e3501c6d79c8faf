export * from "./artifact-version.js";
export * from "./benchmark-classifier.js";
export * from "./classifier.js";
export * from "./encoder/index.js";
export * from "./english-word-vectors.js";
export * from "./expert-router.js";
export * from "./read-artifact.js";
export * from "./write-artifact.js";
