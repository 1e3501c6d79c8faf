import type { SimulatedPrompt } from "./simulated-answer.js";

/** A generation request of any endpoint, checked. */
export interface SimRequest {
  readonly prompts: readonly SimulatedPrompt[];
  /** Choices for each prompt. */
  readonly n: number;
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[] | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** The body's `x_sim_fault`, unchecked. */
  readonly fault: unknown;
}
