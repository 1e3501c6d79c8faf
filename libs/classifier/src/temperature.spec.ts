import { describe, expect, it } from "vitest";
import { SeededRandom } from "./seeded-random.js";
import { fitTemperature, softmax } from "./temperature.js";

describe("fitTemperature", () => {
  it("finds the temperature that drew the labels", () => {
    const random = new SeededRandom(7);
    const rows = 4_000;
    const scores = Float64Array.from({ length: rows * 3 }, () => random.next() * 4);
    const probabilities = new Float64Array(3);
    const truths = Int32Array.from({ length: rows }, (_, row) => {
      softmax(scores.subarray(row * 3, row * 3 + 3), 0.5, probabilities);
      const draw = random.next();
      return draw < probabilities[0]! ? 0 : draw < probabilities[0]! + probabilities[1]! ? 1 : 2;
    });
    expect(fitTemperature(scores, truths, 3)).toBeGreaterThan(0.45);
    expect(fitTemperature(scores, truths, 3)).toBeLessThan(0.55);
  });
});

describe("softmax", () => {
  it("adds up to 1 and does not overflow", () => {
    const out = new Float64Array(3);
    softmax([1e6, 1e6 - 1, -1e6], 1, out);
    expect(out[0]! + out[1]! + out[2]!).toBeCloseTo(1);
    expect(out[0]! / out[1]!).toBeCloseTo(Math.E);
  });
});
