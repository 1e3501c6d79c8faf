import type { Delta, Usage } from "@expert-router/contracts";

/** What earlier attempts left to go on behind: plain text. */
export interface AcceptedText {
  readonly text: string;
  readonly deltas: number;
}

/** The text of `accepted`; undefined where it holds more than text, and so cannot be continued. */
export function acceptedText(accepted: readonly Delta[]): AcceptedText | undefined {
  let text = "";
  for (const delta of accepted) {
    if (typeof delta !== "string") return undefined;
    text += delta;
  }
  return { text, deltas: accepted.length };
}

/** Whether every choice was brought to its end already, so that nothing is missing but the terminal entry. */
export function isWhole(accepted: readonly Delta[], n: unknown): boolean {
  const finished = new Set<unknown>();
  for (const delta of accepted) {
    if (typeof delta === "string") continue;
    for (const choice of delta.choices) if (hasFinishReason(choice)) finished.add(choice.index ?? 0);
  }
  return finished.size >= (typeof n === "number" ? Math.max(1, n) : 1);
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

/** Below it a server sends a delta for each token, give or take the one that ends an answer. */
const leastBundling = 1.2;
const fewestDeltas = 16;
/** Past it older answers count half. */
const rememberedDeltas = 10_000;

/**
 * How many tokens a delta of this engine holds, learned from the usage that it reports. Most send one delta a token; with
 * speculative decoding, or a stream interval, it is more.
 */
export class DeltaSize {
  private tokens = 0;
  private deltas = 0;

  /** A whole answer of `tokens`, by the engine's count, came in `deltas`. */
  observe(tokens: number, deltas: number): void {
    if (deltas < fewestDeltas) return;
    this.tokens += tokens;
    this.deltas += deltas;
    if (this.deltas < rememberedDeltas) return;
    this.tokens /= 2;
    this.deltas /= 2;
  }

  /** Tokens in `deltas`: exact for an engine that sends one a delta. */
  estimate(deltas: number): number {
    const size = this.deltas === 0 ? 1 : this.tokens / this.deltas;
    return size < leastBundling ? deltas : Math.round(deltas * size);
  }
}

function hasFinishReason(choice: unknown): choice is { index?: unknown; finish_reason: unknown } {
  return (
    typeof choice === "object" &&
    choice !== null &&
    "finish_reason" in choice &&
    choice.finish_reason !== null &&
    choice.finish_reason !== undefined
  );
}
