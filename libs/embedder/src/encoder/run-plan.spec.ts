import { describe, expect, it } from "vitest";
import { planRuns } from "./run-plan.js";

describe("planRuns", () => {
  it("runs rows of one length together and nothing as nothing", () => {
    expect(planRuns([20, 20, 20])).toEqual([[0, 1, 2]]);
    expect(planRuns([])).toEqual([]);
  });

  it("pads where that is cheaper than another run, and starts another where padding is dearer", () => {
    expect(planRuns([20, 24, 22])).toEqual([[0, 2, 1]]);
    expect(planRuns([200, 10, 12, 201])).toEqual([
      [1, 2],
      [0, 3],
    ]);
  });

  it("bounds a run, even where all rows are alike", () => {
    const runs = planRuns(Array.from({ length: 32 }, () => 256));
    expect(runs.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, row) => row));
    for (const run of runs) expect(run.length * 256).toBeLessThanOrEqual(768);
  });
});
