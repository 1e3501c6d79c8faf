import { z } from "zod";

/** Confidences at which coverage is reported. */
export const coverageThresholds = [0.3, 0.45, 0.6, 0.75, 0.9] as const;

const share = z.number().min(0).max(1);

/** How well predictions match the truth. Shares are rounded to four digits. */
export const evaluationSchema = z.object({
  n: z.int(),
  accuracy: share,
  macro_f1: share.describe("Mean F1 of the labels that the data holds."),
  per_class: z.record(z.string(), z.object({ n: z.int(), precision: share, recall: share, f1: share })),
  confusion: z
    .record(z.string(), z.record(z.string(), z.int()))
    .describe("True label → predicted label → prompts; zeros left out."),
  coverage_at: z
    .record(z.string(), z.object({ coverage: share, accuracy: share }))
    .describe("Threshold → share of prompts at or above it, and the accuracy among those."),
});
export type Evaluation = z.infer<typeof evaluationSchema>;

const rounded = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;

/** Gathers predictions one by one and sums them up. */
export class EvaluationTally {
  private readonly counts: Int32Array;
  private readonly confidences: number[] = [];
  private readonly hits: boolean[] = [];

  constructor(private readonly labels: readonly string[]) {
    this.counts = new Int32Array(labels.length ** 2);
  }

  /** Adds one prompt: index of its true label, of the predicted one, and the predicted one's probability. */
  add(truth: number, predicted: number, confidence: number): void {
    this.counts[truth * this.labels.length + predicted]!++;
    this.confidences.push(confidence);
    this.hits.push(truth === predicted);
  }

  /** The figures of everything added. */
  summarize(): Evaluation {
    const size = this.labels.length;
    const at = (truth: number, predicted: number): number => this.counts[truth * size + predicted]!;
    const perClass: Evaluation["per_class"] = {};
    const confusion: Evaluation["confusion"] = {};
    const f1s: number[] = [];
    for (const [truth, label] of this.labels.entries()) {
      let n = 0;
      let predicted = 0;
      const row: Record<string, number> = {};
      for (const [other, name] of this.labels.entries()) {
        n += at(truth, other);
        predicted += at(other, truth);
        if (at(truth, other) > 0) row[name] = at(truth, other);
      }
      if (n + predicted === 0) continue;
      const f1 = rounded(2 * at(truth, truth), n + predicted);
      perClass[label] = {
        n,
        precision: rounded(at(truth, truth), predicted),
        recall: rounded(at(truth, truth), n),
        f1,
      };
      if (n === 0) continue;
      confusion[label] = row;
      f1s.push(f1);
    }
    const n = this.hits.length;
    return {
      n,
      accuracy: rounded(this.hits.filter(Boolean).length, n),
      macro_f1: rounded(
        f1s.reduce((sum, f1) => sum + f1, 0),
        f1s.length,
      ),
      per_class: perClass,
      confusion,
      coverage_at: Object.fromEntries(
        coverageThresholds.map((threshold) => [String(threshold), this.coverage(threshold)]),
      ),
    };
  }

  private coverage(threshold: number): { coverage: number; accuracy: number } {
    let kept = 0;
    let right = 0;
    for (const [index, confidence] of this.confidences.entries()) {
      if (confidence < threshold) continue;
      kept++;
      if (this.hits[index]) right++;
    }
    return { coverage: rounded(kept, this.hits.length), accuracy: rounded(right, kept) };
  }
}
