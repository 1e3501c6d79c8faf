import { expect, it } from "vitest";
import { EvaluationTally } from "./evaluation.js";

it("sums predictions up", () => {
  const tally = new EvaluationTally(["a", "b", "c"]);
  tally.add(0, 0, 0.95);
  tally.add(0, 0, 0.5);
  tally.add(0, 1, 0.4);
  tally.add(1, 1, 0.8);
  expect(tally.summarize()).toEqual({
    n: 4,
    accuracy: 0.75,
    macro_f1: 0.7333,
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
});

it("says nothing of nothing", () => {
  expect(new EvaluationTally(["a"]).summarize()).toMatchObject({
    n: 0,
    accuracy: 0,
    macro_f1: 0,
    per_class: {},
  });
});
