import type { EngineKind } from "@expert-router/contracts";
import type { EngineFamily } from "./engine-family.js";
import { llamaCppFamily } from "./llamacpp.js";
import { ollamaFamily } from "./ollama.js";
import { openAiFamily } from "./openai.js";
import { sglangFamily } from "./sglang.js";
import { simFamily } from "./sim.js";
import { tgiFamily } from "./tgi.js";
import { tritonFamily } from "./triton.js";
import { vllmFamily } from "./vllm.js";

/** Every family by its kind. */
export const engineFamilies: Readonly<Record<EngineKind, EngineFamily>> = {
  openai: openAiFamily,
  vllm: vllmFamily,
  sglang: sglangFamily,
  tgi: tgiFamily,
  triton: tritonFamily,
  llamacpp: llamaCppFamily,
  ollama: ollamaFamily,
  sim: simFamily,
};
