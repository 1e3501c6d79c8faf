import { z } from "zod";
import {
  coverageCurve,
  coveragePointSchema,
  reliabilityOf,
  reliabilitySchema,
  rounded,
} from "./reliability.js";

/** Confidences at which coverage is reported. */
export const coverageThresholds = [0.3, 0.45, 0.6, 0.75, 0.9] as const;

/** Sources told apart; the prompts of further ones count in all other figures only. */
const maxSources = 1_000;

const share = z.number().min(0).max(1);

/**
 * How well predictions match the truth. Shares are rounded to four digits. What is optional is missing where the
 * predictions came without probabilities or the prompts without sources, and in older training reports.
 */
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
  macro_recall: share.optional().describe("Mean recall of the labels that the data holds."),
  top2_accuracy: share
    .optional()
    .describe("Share of prompts whose label is among the two most probable ones."),
  brier: z
    .number()
    .min(0)
    .max(2)
    .optional()
    .describe("Mean squared distance of probabilities and truth; 0 is perfect, 2 the worst."),
  calibration: reliabilitySchema.optional(),
  coverage_curve: z.array(coveragePointSchema).optional(),
  per_source: z
    .record(z.string(), z.object({ n: z.int(), accuracy: share }))
    .optional()
    .describe("Where the prompts name their source."),
});
export type Evaluation = z.infer<typeof evaluationSchema>;

interface SourceCount {
  n: number;
  right: number;
}

/** Gathers predictions one by one and sums them up. */
export class EvaluationTally {
  private readonly counts: Int32Array;
  private readonly confidences: number[] = [];
  private readonly hits: boolean[] = [];
  private readonly sources = new Map<string, SourceCount>();
  private distributions = 0;
  private squaredDistance = 0;
  private amongTwo = 0;

  constructor(private readonly labels: readonly string[]) {
    this.counts = new Int32Array(labels.length ** 2);
  }

  /** Adds one prompt: index of its true label, of the predicted one, and the predicted one's probability. */
  add(truth: number, predicted: number, confidence: number, source?: string): void {
    this.counts[truth * this.labels.length + predicted]!++;
    this.confidences.push(confidence);
    this.hits.push(truth === predicted);
    if (source === undefined) return;
    let count = this.sources.get(source);
    if (count === undefined && this.sources.size < maxSources)
      this.sources.set(source, (count = { n: 0, right: 0 }));
    if (count === undefined) return;
    count.n++;
    if (truth === predicted) count.right++;
  }

  /**
   * Adds one prompt by the probabilities of all labels: the most probable one is the prediction, the first of several
   * equal ones. Returns its index. The multi-class score of Brier ("Verification of forecasts expressed in terms of
   * probability", 1950), Σ_c (p_c − [c = truth])², and the two best labels are kept besides.
   */
  addDistribution(truth: number, probabilities: ArrayLike<number>, source?: string): number {
    let best = 0;
    let rank = 0;
    let distance = 0;
    for (let label = 0; label < this.labels.length; label++) {
      const probability = probabilities[label]!;
      if (probability > probabilities[best]!) best = label;
      if (
        label !== truth &&
        probability >= probabilities[truth]! &&
        (probability > probabilities[truth]! || label < truth)
      )
        rank++;
      distance += (probability - (label === truth ? 1 : 0)) ** 2;
    }
    this.distributions++;
    this.squaredDistance += distance;
    if (rank < 2) this.amongTwo++;
    this.add(truth, best, probabilities[best]!, source);
    return best;
  }

  /** The figures of everything added. */
  summarize(): Evaluation {
    const size = this.labels.length;
    const at = (truth: number, predicted: number): number => this.counts[truth * size + predicted]!;
    const perClass: Evaluation["per_class"] = {};
    const confusion: Evaluation["confusion"] = {};
    let [known, f1s, recalls] = [0, 0, 0];
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
      const precision = rounded(at(truth, truth), predicted);
      const recall = rounded(at(truth, truth), n);
      const f1 = rounded(2 * at(truth, truth), n + predicted);
      perClass[label] = { n, precision, recall, f1 };
      if (n === 0) continue;
      confusion[label] = row;
      known++;
      f1s += f1;
      recalls += at(truth, truth) / n;
    }
    const n = this.hits.length;
    return {
      n,
      accuracy: rounded(this.hits.filter(Boolean).length, n),
      macro_f1: rounded(f1s, known),
      per_class: perClass,
      confusion,
      coverage_at: Object.fromEntries(
        coverageThresholds.map((threshold) => [String(threshold), this.coverage(threshold)]),
      ),
      macro_recall: rounded(recalls, known),
      ...(this.distributions === n && n > 0
        ? { top2_accuracy: rounded(this.amongTwo, n), brier: rounded(this.squaredDistance, n) }
        : {}),
      calibration: reliabilityOf(this.confidences, this.hits),
      coverage_curve: coverageCurve(this.confidences, this.hits),
      ...(this.sources.size === 0 ? {} : { per_source: this.perSource() }),
    };
  }

  private perSource(): Record<string, { n: number; accuracy: number }> {
    const sorted = [...this.sources].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      sorted.map(([source, { n, right }]) => [source, { n, accuracy: rounded(right, n) }]),
    );
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
