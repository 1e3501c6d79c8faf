import { describe, expect, it } from "vitest";
import { SeededRandom } from "./seeded-random.js";
import { readWordList } from "./word-list.js";
import { distilWordVectors } from "./word-vector-distillation.js";
import { WordVectors } from "./word-vectors.js";

const width = 12;
const names = "oven flour butter mast anchor keel rudder dough onion tide".split(" ");
const list = readWordList(names, 100);

/** An encoder that adds up hidden vectors of words, on a mean far from zero: what distillation has to see through. */
function encoderCase() {
  const random = new SeededRandom(5);
  const hidden = names.map(() => Float32Array.from({ length: width }, () => random.next() - 0.5));
  const texts = Array.from({ length: 400 }, () => {
    const some = names.slice();
    random.shuffle(some);
    return some.slice(0, 4).join(" ");
  });
  const encode = (text: string): number[] => {
    const found = text.split(" ").map((word) => hidden[names.indexOf(word)]!);
    return Array.from(
      { length: width },
      (_, d) => 3 + found.reduce((sum, of) => sum + of[d]!, 0) / found.length,
    );
  };
  return {
    list,
    texts,
    arePrompts: texts.map((_, row) => row % 4 === 0),
    textVectors: Float32Array.from(texts.flatMap(encode)),
    wordVectors: Float32Array.from(names.flatMap(encode)),
    width,
  };
}

const options = { dimensions: 9, prior: 0.01, promptWeight: 2 };

describe("distilWordVectors", () => {
  it("gives sums that tell texts apart as the encoder does", () => {
    const original = encoderCase();
    const { words, kept, explained, seen } = distilWordVectors(encoderCase(), options);
    expect(seen).toBe(10);
    expect(kept).toBeGreaterThan(0.9);
    expect(explained.fit).toBeGreaterThan(0.9);
    const read = WordVectors.decode(words.encode(), "a file");
    const ours = [0, 1].map(() => new Float32Array(read.dimensions));
    const pairs: [number, number][] = [];
    const mean = Float64Array.from({ length: width }, (_, d) => {
      const prompts = original.texts.flatMap((_text, row) => (original.arePrompts[row] ? [row] : []));
      return prompts.reduce((sum, row) => sum + original.textVectors[row * width + d]!, 0) / prompts.length;
    });
    for (let row = 0; row + 1 < 200; row++) {
      read.embed(original.texts[row]!, ours[0]!);
      read.embed(original.texts[row + 1]!, ours[1]!);
      const theirs = [row, row + 1].map((of) =>
        original.textVectors.subarray(of * width, (of + 1) * width).map((value, d) => value - mean[d]!),
      );
      pairs.push([cosine(ours[0]!, ours[1]!), cosine(theirs[0]!, theirs[1]!)]);
    }
    expect(correlation(pairs)).toBeGreaterThan(0.95);
  });

  it("counts every text as a prompt where none is one", () => {
    const input = encoderCase();
    const none = distilWordVectors({ ...input, arePrompts: input.texts.map(() => false) }, options);
    expect(none.explained.fit).toBeGreaterThan(0.9);
  });

  it("gives the same bytes again", () => {
    const once = distilWordVectors(encoderCase(), options).words.encode();
    expect(distilWordVectors(encoderCase(), options).words.encode()).toEqual(once);
  });

  it("refuses texts without any word of the list", () => {
    const input = encoderCase();
    const foreign = { ...input, texts: input.texts.map(() => "καλημέρα") };
    expect(() => distilWordVectors(foreign, options)).toThrow(/no text has a word of the list/);
  });
});

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, at) => sum + value * y[at]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function correlation(pairs: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [x, y] = [mean(0), mean(1)];
  const moment = (a: 0 | 1, b: 0 | 1) =>
    pairs.reduce((sum, pair) => sum + (pair[a] - [x, y][a]!) * (pair[b] - [x, y][b]!), 0);
  return moment(0, 1) / Math.sqrt(moment(0, 0) * moment(1, 1));
}
