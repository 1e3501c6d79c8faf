/** Fewer prompts of a label say nothing about a source. */
const leastPrompts = 20;

/**
 * Recall by label and source. The next prompt comes from a source nobody has seen, so a large source must not count for
 * more than a small one, nor a label with many sources for more than one with few.
 */
export class SourceRecalls {
  private readonly counts = new Map<number, Map<string, { hits: number; prompts: number }>>();

  /** Adds one prompt of a source that was left out whole. */
  add(label: number, source: string, hit: boolean): void {
    const bySource = this.counts.get(label) ?? new Map<string, { hits: number; prompts: number }>();
    this.counts.set(label, bySource);
    const count = bySource.get(source) ?? { hits: 0, prompts: 0 };
    bySource.set(source, { hits: count.hits + (hit ? 1 : 0), prompts: count.prompts + 1 });
  }

  /** Mean over the labels of the mean recall over their sources, to four digits; nothing without a source of enough prompts. */
  estimate(): { estimate?: number } {
    const means: number[] = [];
    for (const bySource of this.counts.values()) {
      const recalls = [...bySource.values()]
        .filter(({ prompts }) => prompts >= leastPrompts)
        .map(({ hits, prompts }) => hits / prompts);
      if (recalls.length > 0) means.push(mean(recalls));
    }
    return means.length === 0 ? {} : { estimate: Math.round(mean(means) * 10_000) / 10_000 };
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
