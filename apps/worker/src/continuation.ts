import type { Delta, Usage } from "@expert-router/contracts";

/** What earlier attempts left to build on. `whole`: nothing is missing but the terminal entry. */
export type Continuation =
  | { readonly type: "behind"; readonly text: string; readonly tokens: number }
  | { readonly type: "whole" }
  | { readonly type: "impossible" };

/** Whether, and how, an answer can go on behind `accepted`: only plain text can. */
export function continuationBehind(accepted: readonly Delta[]): Continuation {
  let text = "";
  let tokens = 0;
  for (const delta of accepted) {
    if (typeof delta === "string") {
      text += delta;
      tokens += 1;
    } else if (delta.choices.some(hasFinishReason)) {
      return { type: "whole" };
    } else {
      return { type: "impossible" };
    }
  }
  return { type: "behind", text, tokens };
}

/** Usage of a whole answer, when the last engine call saw the first `tokens` of it as a part of the prompt. */
export function usageBehind(usage: Usage | undefined, tokens: number): Usage | undefined {
  if (usage === undefined || tokens === 0) return usage;
  const prompt = Math.max(0, usage.prompt_tokens - tokens);
  const completion = usage.completion_tokens + tokens;
  return {
    ...usage,
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

function hasFinishReason(choice: unknown): boolean {
  return (
    typeof choice === "object" &&
    choice !== null &&
    "finish_reason" in choice &&
    choice.finish_reason !== null
  );
}
