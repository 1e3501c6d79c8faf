import type { LinePlace } from "@expert-router/batch";
import type { DecisionRecord } from "@expert-router/contracts";

/** A line that waits, and what the router said of it. */
export interface HeldBackLine extends LinePlace {
  readonly decision: DecisionRecord;
}

/** Lines that wait for room at their experts. Their text is not kept, so that a whole file of them takes little memory. */
export class HeldBackLines {
  private readonly byExpert = new Map<string, HeldBackLine[]>();
  private total = 0;

  /** How many there are. */
  get size(): number {
    return this.total;
  }

  /** Experts that some of them wait for. */
  get experts(): string[] {
    return [...this.byExpert.keys()];
  }

  /** How many wait for an expert. */
  of(expert: string): number {
    return this.byExpert.get(expert)?.length ?? 0;
  }

  add({ line, offset, bytes }: LinePlace, decision: DecisionRecord): void {
    const waiting = this.byExpert.get(decision.expert);
    const entry = { line, offset, bytes, decision };
    if (waiting === undefined) this.byExpert.set(decision.expert, [entry]);
    else waiting.push(entry);
    this.total += 1;
  }

  /** Takes out those that have waited longest: `lines` at most, and as many as it takes to reach `bytes` together. */
  take(expert: string, most: { readonly lines: number; readonly bytes: number }): HeldBackLine[] {
    const waiting = this.byExpert.get(expert) ?? [];
    let [count, bytes] = [0, 0];
    while (count < Math.min(most.lines, waiting.length) && bytes < most.bytes)
      bytes += waiting[count++]!.bytes;
    const taken = waiting.splice(0, count);
    if (waiting.length === 0) this.byExpert.delete(expert);
    this.total -= count;
    return taken;
  }
}
