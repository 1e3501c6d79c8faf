export * from "./clusters/cluster-count.js";
export * from "./clusters/cluster-report.js";
export * from "./clusters/paper-baseline.js";
export * from "./cluster-training.js";
export * from "./conversation.js";
export * from "./decision-explanation.js";
export * from "./decision-rule.js";
export * from "./drift-window.js";
export * from "./evaluation.js";
export * from "./expert-policy.js";
export * from "./label-training.js";
export * from "./manifest.js";
export * from "./paired-comparison.js";
export * from "./prompt-example.js";
export {
  type CoveragePoint,
  coveragePointSchema,
  type Reliability,
  reliabilityBins,
  reliabilitySchema,
} from "./reliability.js";
export * from "./robustness/index.js";
export * from "./quantized-matrix.js";
export * from "./router-error.js";
export * from "./router-head.js";
export * from "./sparse-rows.js";
export * from "./spill-rule.js";
export * from "./trained-router.js";
export type { TextEmbeddings } from "./training-matrix.js";
export * from "./validation/index.js";
export * from "./vocabulary-file.js";
export * from "./vocabulary.js";
export * from "./word-list.js";
export * from "./word-vector-distillation.js";
export * from "./word-vectors.js";
