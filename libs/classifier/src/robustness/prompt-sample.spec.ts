import { expect, it } from "vitest";
import { PromptSample } from "./prompt-sample.js";

const drawn = (size: number, of: number, seed: number): number[] => {
  const sample = new PromptSample<number>(size, seed);
  for (let item = 0; item < of; item++) sample.add(item);
  return sample.items;
};

it("keeps all of a few and draws from many, by its seed", () => {
  expect(drawn(5, 3, 1)).toEqual([0, 1, 2]);
  expect(drawn(5, 100, 1)).toHaveLength(5);
  expect(drawn(5, 100, 1)).toEqual(drawn(5, 100, 1));
  expect(drawn(5, 100, 1)).not.toEqual(drawn(5, 100, 2));
});

it("gives every item the same chance", () => {
  const counts = new Int32Array(20);
  for (let seed = 0; seed < 4_000; seed++) for (const item of drawn(5, 20, seed)) counts[item]!++;
  // 1,000 expected each, standard deviation 27.
  expect(Math.min(...counts)).toBeGreaterThan(880);
  expect(Math.max(...counts)).toBeLessThan(1_120);
});
