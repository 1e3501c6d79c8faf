import { expect, it } from "vitest";
import { coverageCurve, reliabilityOf } from "./reliability.js";
import { SeededRandom } from "./seeded-random.js";

it("weighs the distance of confidence and accuracy by the prompts of each bin", () => {
  // Bins of 1/15: 0.9 and 0.92 share (13/15, 14/15], 0.5 is alone in (7/15, 8/15].
  const { ece, bins } = reliabilityOf([0.9, 0.92, 0.5], [true, false, true]);
  expect(bins).toEqual([
    { from: 0.4667, to: 0.5333, n: 1, confidence: 0.5, accuracy: 1 },
    { from: 0.8667, to: 0.9333, n: 2, confidence: 0.91, accuracy: 0.5 },
  ]);
  expect(ece).toBeCloseTo((0.5 + Math.abs(1 - 1.82)) / 3, 4);
});

it("puts the ends of the scale into the outer bins", () => {
  const { bins } = reliabilityOf([0, 1, 1 / 15], [false, true, false]);
  expect(bins.map(({ to, n }) => [to, n])).toEqual([
    [0.0667, 2],
    [1, 1],
  ]);
});

it("finds honest confidences honest and proud ones proud", () => {
  const random = new SeededRandom(5);
  const confidences = Array.from({ length: 20_000 }, () => 0.2 + 0.8 * random.next());
  const honest = confidences.map((confidence) => random.next() < confidence);
  const proud = confidences.map((confidence) => random.next() < confidence - 0.15);
  expect(reliabilityOf(confidences, honest).ece).toBeLessThan(0.015);
  expect(reliabilityOf(confidences, proud).ece).toBeGreaterThan(0.13);
});

it("gives accuracy by coverage, the most confident first", () => {
  const confidences = Array.from({ length: 20 }, (_, at) => at / 20);
  const curve = coverageCurve(
    confidences,
    confidences.map((confidence) => confidence >= 0.5),
  );
  expect(curve).toHaveLength(10);
  expect(curve[0]).toEqual({ coverage: 0.1, accuracy: 1, confidence: 0.9 });
  expect(curve[4]).toEqual({ coverage: 0.5, accuracy: 1, confidence: 0.5 });
  expect(curve[9]).toEqual({ coverage: 1, accuracy: 0.5, confidence: 0 });
});

it("needs no ten prompts", () => {
  expect(coverageCurve([], [])).toEqual([]);
  expect(coverageCurve([0.4, 0.8, 0.6], [true, false, true]).map(({ coverage }) => coverage)).toEqual([
    0.3333, 0.6667, 1,
  ]);
});
