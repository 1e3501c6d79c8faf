import type { PromptExample } from "./prompt-example.js";
import { RouterError } from "./router-error.js";

/** Labels in alphabetical order, and the index of each example's. */
export interface LabelledRows {
  readonly labels: string[];
  readonly truths: Int32Array;
}

/**
 * The labels of examples that all have one.
 * @throws RouterError if there are fewer than two labels, or fewer than `least` prompts of one.
 */
export function readLabels(examples: readonly PromptExample[], least: number): LabelledRows {
  const counts = new Map<string, number>();
  for (const { domain } of examples) {
    if (domain === undefined)
      throw new RouterError("training_data_invalid", "a prompt has no 'domain' to learn");
    counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  const labels = [...counts.keys()].sort();
  if (labels.length < 2)
    throw new RouterError(
      "training_data_insufficient",
      `at least two labels are needed, there is only '${labels.join()}'`,
    );
  const rare = labels.filter((label) => counts.get(label)! < least);
  if (rare.length > 0) {
    throw new RouterError(
      "training_data_insufficient",
      `at least ${least} prompts of each label are needed; fewer: ${rare.join(", ")}`,
    );
  }
  const order = new Map(labels.map((label, index) => [label, index]));
  return { labels, truths: Int32Array.from(examples, (example) => order.get(example.domain!)!) };
}
