import { expect, it } from "vitest";
import { mcnemarProbability } from "./paired-comparison.js";

it("is the two-sided exact binomial probability", () => {
  expect(mcnemarProbability(0, 0)).toBe(1);
  expect(mcnemarProbability(3, 3)).toBe(1);
  expect(mcnemarProbability(0, 5)).toBeCloseTo(2 / 32, 10);
  // 2 · (1 + 10 + 45) / 1024
  expect(mcnemarProbability(8, 2)).toBeCloseTo(112 / 1_024, 10);
  expect(mcnemarProbability(2, 8)).toBe(mcnemarProbability(8, 2));
});

it("stands thousands of prompts", () => {
  expect(mcnemarProbability(1_000, 1_000)).toBe(1);
  // Normal approximation: z = 100 / √2100 ≈ 2.16 with continuity, p ≈ 0.031.
  expect(mcnemarProbability(1_100, 1_000)).toBeCloseTo(0.0307, 3);
  expect(mcnemarProbability(5_000, 100)).toBeLessThan(1e-100);
});
