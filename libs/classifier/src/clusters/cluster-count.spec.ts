import { describe, expect, it } from "vitest";
import { adjustedRandIndex } from "./adjusted-rand.js";
import { chooseClusterCount, clusterCountSchema } from "./cluster-count.js";
import { plantedPoints } from "./planted-points.fixture.js";

describe("chooseClusterCount", () => {
  const { points } = plantedPoints(3_000, 16, 6, 0.5);
  const choice = chooseClusterCount(points, 16, [12, 3, 6, 24, 4], { seed: 1 });

  it("picks the number of planted groups and shows the figures of all candidates", () => {
    expect(choice.picked).toBe(6);
    expect(choice.candidates.map((of) => of.clusters)).toEqual([3, 4, 6, 12, 24]);
    expect(choice.candidates[2]!.stability).toBeGreaterThan(0.95);
    expect(choice.candidates[4]!.stability).toBeLessThan(0.8);
    expect(clusterCountSchema.parse(choice)).toEqual(choice);
  });

  it("leaves out numbers for which there are too few points", () => {
    const few = chooseClusterCount(points.subarray(0, 300 * 16), 16, [4, 8, 64], { seed: 1 });
    expect(few.candidates.map((of) => of.clusters)).toEqual([4, 8]);
  });
});

describe("adjustedRandIndex", () => {
  it("is 1 under other names, near 0 for unrelated divisions, as by hand in between", () => {
    expect(adjustedRandIndex(Int32Array.of(0, 0, 1, 1), Int32Array.of(7, 7, 3, 3))).toBe(1);
    const left = Int32Array.from({ length: 900 }, (_, row) => row % 3);
    const right = Int32Array.from({ length: 900 }, (_, row) => Math.floor(row / 300));
    expect(Math.abs(adjustedRandIndex(left, right))).toBeLessThan(0.01);
    // Cells 2, 1, 1, 2: (2 − 36/15) / (6 − 36/15).
    expect(adjustedRandIndex(Int32Array.of(0, 0, 0, 1, 1, 1), Int32Array.of(0, 0, 1, 0, 1, 1))).toBeCloseTo(
      -1 / 9,
    );
  });
});
