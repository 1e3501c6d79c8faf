import type { EngineOptions } from "./engine-options.js";
import { engineFamilies } from "./families/index.js";
import type { InferenceEngine } from "./inference-engine.js";
import { OpenAiEngine } from "./openai-engine.js";
import { TritonEngine } from "./triton-engine.js";

/** The adapter for a configured inference server. Connects when it is first used. */
export function createEngine(options: EngineOptions): InferenceEngine {
  const family = engineFamilies[options.kind];
  return options.kind === "triton" ? new TritonEngine(family, options) : new OpenAiEngine(family, options);
}
