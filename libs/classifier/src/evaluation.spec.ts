import { expect, it } from "vitest";
import { EvaluationTally, evaluationSchema } from "./evaluation.js";

it("sums predictions up", () => {
  const tally = new EvaluationTally(["a", "b", "c"]);
  tally.add(0, 0, 0.95);
  tally.add(0, 0, 0.5);
  tally.add(0, 1, 0.4);
  tally.add(1, 1, 0.8);
  const evaluation = tally.summarize();
  expect(evaluation).toMatchObject({
    n: 4,
    accuracy: 0.75,
    macro_f1: 0.7333,
    macro_recall: 0.8333,
    per_class: {
      a: { n: 3, precision: 1, recall: 0.6667, f1: 0.8 },
      b: { n: 1, precision: 0.5, recall: 1, f1: 0.6667 },
    },
    confusion: { a: { a: 2, b: 1 }, b: { b: 1 } },
    coverage_at: {
      "0.3": { coverage: 1, accuracy: 0.75 },
      "0.45": { coverage: 0.75, accuracy: 1 },
      "0.6": { coverage: 0.5, accuracy: 1 },
      "0.75": { coverage: 0.5, accuracy: 1 },
      "0.9": { coverage: 0.25, accuracy: 1 },
    },
  });
  expect(evaluation.per_class).not.toHaveProperty("c");
});

it("says nothing of nothing, nor of what it was not told", () => {
  const empty = new EvaluationTally(["a"]).summarize();
  expect(empty).toMatchObject({
    n: 0,
    accuracy: 0,
    macro_f1: 0,
    per_class: {},
    calibration: { ece: 0, bins: [] },
  });
  const tally = new EvaluationTally(["a", "b"]);
  tally.add(0, 0, 0.9);
  tally.addDistribution(0, [0.9, 0.1]);
  for (const key of ["brier", "top2_accuracy", "per_source"]) {
    expect(empty).not.toHaveProperty(key);
    expect(tally.summarize()).not.toHaveProperty(key);
  }
});

it("reads a whole distribution: argmax, the two best, the score of Brier", () => {
  const tally = new EvaluationTally(["a", "b", "c"]);
  expect(tally.addDistribution(0, [0.5, 0.3, 0.2])).toBe(0);
  expect(tally.addDistribution(1, [0.5, 0.3, 0.2])).toBe(0);
  expect(tally.addDistribution(2, [0.5, 0.3, 0.2])).toBe(0);
  expect(tally.addDistribution(1, [0.4, 0.4, 0.2])).toBe(0);
  // (0.25 + 0.09 + 0.04 = 0.38, 0.25 + 0.49 + 0.04 = 0.78, 0.25 + 0.09 + 0.64 = 0.98, 0.16 + 0.36 + 0.04 = 0.56) / 4
  expect(tally.summarize()).toMatchObject({ accuracy: 0.25, top2_accuracy: 0.75, brier: 0.675 });
});

it("counts sources apart, in the order of their names", () => {
  const tally = new EvaluationTally(["a", "b"]);
  tally.addDistribution(0, [0.9, 0.1], "web");
  tally.addDistribution(1, [0.9, 0.1], "web");
  tally.addDistribution(0, [0.9, 0.1], "book");
  tally.addDistribution(0, [0.9, 0.1]);
  const { per_source: sources } = tally.summarize();
  expect(sources).toEqual({ book: { n: 1, accuracy: 1 }, web: { n: 2, accuracy: 0.5 } });
  expect(Object.keys(sources!)).toEqual(["book", "web"]);
});

it("reads the reports of artifacts that were trained before there were more figures", () => {
  const old = { n: 1, accuracy: 1, macro_f1: 1, per_class: {}, confusion: {}, coverage_at: {} };
  expect(evaluationSchema.parse(old)).toEqual(old);
  const tally = new EvaluationTally(["a", "b"]);
  tally.addDistribution(0, [1, 0], "s");
  expect(evaluationSchema.parse(tally.summarize())).toEqual(tally.summarize());
});
