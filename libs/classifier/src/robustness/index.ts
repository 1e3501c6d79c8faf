export { noDomainKinds, noDomainPrompts, type NoDomainKind } from "./no-domain-prompts.js";
export type { Perturbation } from "./perturbation.js";
export { perturbations } from "./perturbations.js";
export { PromptSample } from "./prompt-sample.js";
export * from "./robustness.js";
export { scriptOfText, type ScriptName } from "./script-of-text.js";
