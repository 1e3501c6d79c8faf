import { describe, expect, it } from "vitest";
import { RouterError } from "./router-error.js";
import { decodeVocabulary, encodeVocabulary } from "./vocabulary-file.js";
import { learnVocabulary } from "./vocabulary.js";

const texts = ["solve the equation x", "solve the riddle", "bake the bread", "bake a cake now"];
const vocabulary = learnVocabulary(texts, { minTexts: 2, maxFeatures: 1_000 });

describe("Vocabulary", () => {
  it("keeps what stands in enough texts, and gives rarer features more weight", () => {
    const { ids, weights } = vocabulary.vectorize("solve the");
    expect(ids.length).toBeGreaterThan(0);
    expect(vocabulary.vectorize("zzzz qqqq").ids.filter((id) => vocabulary.blocks[id] === 0)).toHaveLength(0);
    const words = [...ids]
      .map((id, at) => ({ idf: vocabulary.idf[id]!, weight: weights[at]!, block: vocabulary.blocks[id] }))
      .filter(({ block }) => block === 0);
    words.sort((a, b) => a.idf - b.idf);
    expect(words.at(-1)!.weight).toBeGreaterThan(words[0]!.weight);
  });

  it("brings every block to its length whatever the text", () => {
    for (const text of ["solve", "bake the bread and solve the equation ".repeat(30)]) {
      const { ids, weights } = vocabulary.vectorize(text);
      const squares = [0, 0, 0];
      for (const [at, id] of ids.entries()) squares[vocabulary.blocks[id]!]! += weights[at]! ** 2;
      expect(squares[0]).toBeCloseTo(1, 5);
      expect(squares[1]).toBeCloseTo(1.5 * 1.5, 5);
    }
  });

  it("lists each feature once and leaves nothing behind for the next text", () => {
    const once = vocabulary.vectorize("bake bread");
    vocabulary.vectorize("solve solve solve the riddle");
    expect(vocabulary.vectorize("bake bread")).toEqual(once);
    expect(new Set(once.ids).size).toBe(once.ids.length);
  });

  it("is empty for an empty text", () => {
    expect(vocabulary.vectorize(" \n").ids).toHaveLength(0);
  });

  it("keeps the commonest where a block is full", () => {
    const small = learnVocabulary(texts, { minTexts: 1, maxFeatures: 5 });
    expect([0, 1, 2].map((block) => small.blocks.filter((of) => of === block).length)).toEqual([5, 5, 0]);
  });
});

describe("vocabulary file", () => {
  it("brings back the same vocabulary", async () => {
    const read = await decodeVocabulary(encodeVocabulary(vocabulary));
    expect(read.vectorize("solve the equation")).toEqual(vocabulary.vectorize("solve the equation"));
    expect(encodeVocabulary(read)).toEqual(encodeVocabulary(vocabulary));
  });

  it("refuses bytes that are none", async () => {
    const bytes = encodeVocabulary(vocabulary);
    await expect(decodeVocabulary(new Uint8Array(3))).rejects.toThrow(RouterError);
    await expect(decodeVocabulary(bytes.slice(0, -4))).rejects.toThrow(/says \d+ features/);
    await expect(
      decodeVocabulary(Uint8Array.from(bytes, (byte, at) => (at === 0 ? byte ^ 1 : byte))),
    ).rejects.toThrow(/mark/);
  });
});
