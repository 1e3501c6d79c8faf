import type { PromptExample } from "@expert-router/classifier";

/** Prompts of one label: how many, and of which sources, the largest first. */
export interface LabelSummary {
  readonly label: string;
  readonly prompts: number;
  readonly sources: readonly (readonly [string, number])[];
}

export const withoutDomain = "(no domain)";
export const withoutSource = "(no source)";

/** Counts prompts by label and source, the largest label first. */
export function summarizeData(examples: readonly PromptExample[]): LabelSummary[] {
  const labels = new Map<string, Map<string, number>>();
  for (const { domain = withoutDomain, source = withoutSource } of examples) {
    const sources = labels.get(domain) ?? new Map<string, number>();
    labels.set(domain, sources.set(source, (sources.get(source) ?? 0) + 1));
  }
  return [...labels]
    .map(([label, counts]) => {
      const sources = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
      return { label, sources, prompts: sources.reduce((sum, [, count]) => sum + count, 0) };
    })
    .sort((a, b) => b.prompts - a.prompts || (a.label < b.label ? -1 : 1));
}
