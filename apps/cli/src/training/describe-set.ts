import type { TrainingSet } from "./training-set.js";

/** What was read, and what was left out of it, in one line. */
export function describeSet({ examples, read, excluded, duplicates, conflicting }: TrainingSet): string {
  const left = [
    [duplicates, "duplicates"],
    [excluded, "of excluded sources"],
    [conflicting, "with several domains"],
  ] as const;
  const reasons = left.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return reasons.length === 0
    ? `${read} prompts read`
    : `${read} prompts read, ${examples.length} kept; left out: ${reasons.join(", ")}`;
}
