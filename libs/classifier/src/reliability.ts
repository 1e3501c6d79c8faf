import { z } from "zod";

/** Equal-width bins of confidence that {@link reliabilityOf} sums up by. */
export const reliabilityBins = 15;

const share = z.number().min(0).max(1);

/** How honest confidences are: in each bin the accuracy should equal the mean confidence. */
export const reliabilitySchema = z.object({
  ece: share.describe("Expected calibration error: mean distance of confidence and accuracy over the bins."),
  bins: z
    .array(z.object({ from: share, to: share, n: z.int().positive(), confidence: share, accuracy: share }))
    .describe("Bins of confidence that hold prompts; `from` is exclusive, `to` inclusive."),
});
export type Reliability = z.infer<typeof reliabilitySchema>;

/** One point of a coverage/accuracy curve: accuracy among the most confident share of the prompts. */
export const coveragePointSchema = z.object({
  coverage: share,
  accuracy: share,
  confidence: share.describe("Least confidence among them: the threshold that gives this coverage."),
});
export type CoveragePoint = z.infer<typeof coveragePointSchema>;

/** Four digits: what a share of some thousand prompts is good for. */
export const rounded = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;

/**
 * Expected calibration error Σ_b (n_b / n) · |accuracy(b) − confidence(b)| over M = 15 bins ((m − 1) / M, m / M] of
 * confidence, and the bins themselves (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
 * equations 1 to 3).
 */
export function reliabilityOf(confidences: readonly number[], hits: readonly boolean[]): Reliability {
  const counts = new Int32Array(reliabilityBins);
  const right = new Int32Array(reliabilityBins);
  const sums = new Float64Array(reliabilityBins);
  for (const [index, confidence] of confidences.entries()) {
    const bin = Math.min(reliabilityBins - 1, Math.max(0, Math.ceil(confidence * reliabilityBins) - 1));
    counts[bin]!++;
    sums[bin]! += confidence;
    if (hits[index]) right[bin]!++;
  }
  let distance = 0;
  const bins: Reliability["bins"] = [];
  for (const [bin, n] of counts.entries()) {
    if (n === 0) continue;
    distance += Math.abs(right[bin]! - sums[bin]!);
    bins.push({
      from: rounded(bin, reliabilityBins),
      to: rounded(bin + 1, reliabilityBins),
      n,
      confidence: Math.min(1, rounded(sums[bin]!, n)),
      accuracy: rounded(right[bin]!, n),
    });
  }
  return { ece: rounded(distance, confidences.length), bins };
}

/** Accuracy among the most confident 10 %, 20 %, … 100 % of the prompts; fewer points for fewer than ten prompts. */
export function coverageCurve(confidences: readonly number[], hits: readonly boolean[]): CoveragePoint[] {
  const order = Array.from(confidences.keys()).sort((a, b) => confidences[b]! - confidences[a]! || a - b);
  const points: CoveragePoint[] = [];
  let right = 0;
  let decile = 1;
  for (const [at, row] of order.entries()) {
    if (hits[row]) right++;
    const kept = at + 1;
    if (kept * 10 < decile * order.length) continue;
    points.push({
      coverage: rounded(kept, order.length),
      accuracy: rounded(right, kept),
      confidence: Math.min(1, rounded(confidences[row]!, 1)),
    });
    while (kept * 10 >= decile * order.length) decile++;
  }
  return points;
}
