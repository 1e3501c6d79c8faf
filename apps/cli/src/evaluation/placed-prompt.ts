import type { PromptExample } from "@expert-router/classifier";

export type LabelledPrompt = PromptExample & { readonly domain: string };

/** A prompt and where it stands. */
export interface PlacedPrompt {
  readonly prompt: LabelledPrompt;
  /** File and line. */
  readonly place: string;
}
