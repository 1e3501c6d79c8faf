import type { Usage } from "@expert-router/contracts";

/** Characters of a token, about. */
const charactersPerToken = 4;

/**
 * Tokens that a request cost, prompt and answer together: as the engine counted them, or `answered` and the length of the
 * prompt where it did not get that far or does not count.
 */
export function answerCost(
  body: Readonly<Record<string, unknown>>,
  answered: number,
  usage: Usage | undefined,
): number {
  if (usage !== undefined) return usage.prompt_tokens + usage.completion_tokens;
  const prompt = JSON.stringify(body["messages"] ?? body["prompt"] ?? "");
  return Math.ceil(prompt.length / charactersPerToken) + answered;
}
