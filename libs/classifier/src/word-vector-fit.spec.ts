import { describe, expect, it } from "vitest";
import { SeededRandom } from "./seeded-random.js";
import { stackRows } from "./sparse-rows.js";
import { fitWordVectors, type WordVectorProblem } from "./word-vector-fit.js";

const words = 40;
const dimensions = 6;
const random = new SeededRandom(3);
const values = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.next() - 0.5);

const planted = values(words * dimensions);
const sentences = stackRows(
  Array.from({ length: 300 }, () => {
    const ids = Int32Array.from({ length: words }, (_, id) => id);
    random.shuffle(ids);
    return { ids: ids.slice(0, 5), weights: values(5) };
  }),
  words,
);

function sums(vectors: Float32Array): Float32Array {
  const out = new Float32Array((sentences.starts.length - 1) * dimensions);
  for (let row = 0; row + 1 < sentences.starts.length; row++)
    for (let at = sentences.starts[row]!; at < sentences.starts[row + 1]!; at++)
      for (let d = 0; d < dimensions; d++)
        out[row * dimensions + d]! += sentences.weights[at]! * vectors[sentences.ids[at]! * dimensions + d]!;
  return out;
}

const problem: WordVectorProblem = {
  sentences,
  importance: new Float32Array(300).fill(1),
  targets: sums(planted),
  prior: values(words * dimensions),
  dimensions,
  penalty: 0,
};

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0));

describe("fitWordVectors", () => {
  it("finds the vectors that the sentences were made of", () => {
    const { vectors, explained } = fitWordVectors({ ...problem, rounds: 60 });
    expect(distance(vectors, planted)).toBeLessThan(1e-3);
    expect(explained.fit).toBeGreaterThan(0.999_99);
    expect(explained.prior).toBeLessThan(0.5);
  });

  it("scales a prior that differs from the truth by a factor only", () => {
    const { priorScale, explained } = fitWordVectors({
      ...problem,
      prior: planted.map((value) => value * -4),
      rounds: 0,
    });
    expect(priorScale).toBeCloseTo(-0.25, 5);
    expect(explained.prior).toBeCloseTo(1, 5);
  });

  it("stays at the scaled prior when that counts more than all sentences", () => {
    const { vectors, priorScale } = fitWordVectors({ ...problem, penalty: 1e9 });
    expect(
      distance(
        vectors,
        problem.prior.map((value) => value * priorScale),
      ),
    ).toBeLessThan(1e-5);
  });

  it("leaves a word that no sentence has at the scaled prior", () => {
    const wider = { ...sentences, width: words + 1 };
    const prior = Float32Array.from([...problem.prior, 1, 2, 3, 4, 5, 6]);
    const { vectors, priorScale } = fitWordVectors({ ...problem, sentences: wider, prior, penalty: 1 });
    for (let d = 0; d < dimensions; d++)
      expect(vectors[words * dimensions + d]).toBeCloseTo((d + 1) * priorScale, 5);
  });

  it("meets the condition of the minimum: the gradient vanishes", () => {
    const penalty = 2;
    const importance = Float32Array.from({ length: 300 }, (_, row) => (row % 3) + 0.5);
    const targets = values(300 * dimensions);
    const { vectors, priorScale } = fitWordVectors({ ...problem, importance, targets, penalty, rounds: 60 });
    const given = sums(vectors);
    const gradient = vectors.map((value, at) => penalty * (value - priorScale * problem.prior[at]!));
    for (let row = 0; row < 300; row++)
      for (let at = sentences.starts[row]!; at < sentences.starts[row + 1]!; at++)
        for (let d = 0; d < dimensions; d++)
          gradient[sentences.ids[at]! * dimensions + d]! +=
            importance[row]! *
            sentences.weights[at]! *
            (given[row * dimensions + d]! - targets[row * dimensions + d]!);
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(1e-4);
  });

  it("does not read a sentence that counts nothing", () => {
    const importance = Float32Array.from({ length: 300 }, (_, row) => (row < 250 ? 1 : 0));
    const targets = problem.targets.map((value, at) => (at < 250 * dimensions ? value : 99));
    const { vectors } = fitWordVectors({ ...problem, importance, targets, rounds: 60 });
    expect(distance(vectors, planted)).toBeLessThan(1e-3);
  });

  it("gives the same bytes again and tells how far it is", () => {
    const parts: number[] = [];
    const once = fitWordVectors({ ...problem, rounds: 4, onProgress: (done) => parts.push(done) });
    expect(parts).toEqual([0.25, 0.5, 0.75, 1]);
    expect(fitWordVectors({ ...problem, rounds: 4 })).toEqual(once);
  });
});
