import { simulatedAnswer } from "@expert-router/engine-sim";
import { simulatorSeed } from "../support/system.js";

/** What the simulator answers to `prompt`, whoever asks and however often it is interrupted. */
export function expectedText(prompt: string, maxTokens: number): string {
  const answer = simulatedAnswer({
    seed: simulatorSeed,
    endpoint: "/v1/chat/completions",
    messages: [{ role: "user", content: prompt }],
    maxTokens,
  });
  return answer.tokens.join("");
}

/** How a text differs from the one expected. `lost`: a part in its middle is missing; `repeated`: a part came twice. */
export type Difference = "lost" | "repeated" | "changed";

/** Undefined if `text` is `expected`, or a beginning of it where `whole` is false. */
export function differenceOf(text: string, expected: string, whole: boolean): Difference | undefined {
  if (text === expected || (!whole && expected.startsWith(text))) return undefined;
  let same = 0;
  while (same < text.length && text[same] === expected[same]) same += 1;
  // All that is there is right, and the end is missing.
  if (same === text.length) return "lost";
  const rest = text.slice(same, same + 24);
  if (expected.indexOf(rest, same) > same) return "lost";
  if (expected.lastIndexOf(rest, same) >= 0) return "repeated";
  return "changed";
}
