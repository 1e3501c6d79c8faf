import { describe, expect, it } from "vitest";
import { clusterBalanced, type Clusters } from "./balanced-clusters.js";
import { adjustedRandIndex } from "./clusters/adjusted-rand.js";
import { plantedPoints } from "./clusters/planted-points.fixture.js";
import { gatherRows } from "./clusters/seed-centers.js";

function sizesOf({ assignment, centers }: Clusters): number[] {
  return centers.map((_, cluster) => assignment.filter((of) => of === cluster).length);
}

describe("clusterBalanced", () => {
  const planted = plantedPoints(1_200, 16, 8, 0.4);

  it("recovers planted groups", () => {
    const { assignment } = clusterBalanced(planted.points, 16, 8, { seed: 1 });
    expect(adjustedRandIndex(assignment, planted.groups)).toBeGreaterThan(0.95);
  });

  it("keeps sizes within one of each other where groups are not, and leaves no surplus in one cluster", () => {
    const skewed = Int32Array.from(planted.groups.keys()).filter((row) => row % 8 < 2 || row < 203);
    const sizes = sizesOf(clusterBalanced(gatherRows(planted.points, 16, skewed), 16, 7, { seed: 1 }));
    expect(sizes.reduce((sum, of) => sum + of, 0)).toBe(skewed.length);
    expect(skewed.length % 7).toBeGreaterThan(1);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBe(1);
  });

  it("comes out the same to the last bit, and otherwise with another seed", () => {
    const loose = plantedPoints(600, 16, 5, 3).points;
    const of = (seed: number): string => JSON.stringify(clusterBalanced(loose, 16, 9, { seed }));
    expect(of(1)).toBe(of(1));
    expect(of(2)).not.toBe(of(1));
  });

  it("divides points that coincide", () => {
    const sizes = sizesOf(clusterBalanced(new Float32Array(90 * 4).fill(0.5), 4, 6, { seed: 1 }));
    expect(sizes).toEqual(Array.from({ length: 6 }, () => 15));
  });
});
