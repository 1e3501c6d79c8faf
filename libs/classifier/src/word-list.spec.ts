import { describe, expect, it } from "vitest";
import { meaningHash } from "./feature-scanner.js";
import { readWordList } from "./word-list.js";
import { wordVocabulary } from "./word-vectors.js";

describe("readWordList", () => {
  it("takes the first column, in lower case and once, and leaves out what a text cannot show as one word", () => {
    const lines = ["The 0.1 0.2", "of\t7", "", "don't", "mp3", "42", ",", "the", "e-mail", "über,9"];
    const { words, leftOut } = readWordList(lines, 100);
    expect(words).toEqual(["the", "of", "über"]);
    expect(leftOut).toBe(5);
    const vocabulary = wordVocabulary(words, Float32Array.of(1, 1, 1));
    for (const [id, word] of words.entries()) expect([...vocabulary.vectorize(word).ids]).toEqual([id]);
  });

  it("weighs a word by its rank in the whole list", () => {
    const { weights } = readWordList(["the", "42", "of"], 100);
    const weight = (rank: number) => 1e-3 / (1e-3 + 1 / (rank * Math.log(3)));
    expect(weights[0]).toBeCloseTo(weight(1), 8);
    expect(weights[1]).toBeCloseTo(weight(3), 8);
  });

  it("reads no more entries than it may, and needs two words", () => {
    expect(readWordList(["a", "b", "c"], 2).words).toEqual(["a", "b"]);
    expect(() => readWordList(["a", "1", "2"], 10)).toThrow(/3 entries hold 1 words/);
  });

  it("keeps the commoner of two words with one hash, so that ids stay positions", () => {
    const pair = ["reserve", "photographing"] as const;
    expect(meaningHash(pair[0])).toBe(meaningHash(pair[1]));
    expect(readWordList([...pair, "last"], 3)).toMatchObject({ words: [pair[0], "last"], leftOut: 1 });
  });
});
