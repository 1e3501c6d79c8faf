/** Families of inference servers. `sim` is the simulator: no language model runs. */
export const engineKinds = [
  "openai",
  "vllm",
  "sglang",
  "tgi",
  "triton",
  "llamacpp",
  "ollama",
  "sim",
] as const;
export type EngineKind = (typeof engineKinds)[number];
