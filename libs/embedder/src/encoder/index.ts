export {
  benchmarkEncoder,
  type EncoderBenchmark,
  type EncoderLevel,
  type EncoderBenchmarkOptions,
  type EncoderLoad,
} from "./benchmark-encoder.js";
export { EncoderError, type EncoderErrorCode } from "./encoder-error.js";
export { encoderModels, type EncoderFolderOptions } from "./encoder-folder.js";
export type { EncoderFile } from "./encoder-plan.js";
export { poolings, type Pooling } from "./pooling.js";
export { SentenceEncoder, type EncoderCounts, type SentenceEncoderOptions } from "./sentence-encoder.js";
