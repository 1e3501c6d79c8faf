import { expect, it } from "vitest";
import { FeatureScanner } from "./feature-scanner.js";
import { learnVocabulary } from "./vocabulary.js";

/** Words of letters only, all different. */
const word = (n: number): string =>
  n.toString(26).replaceAll(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)));

/** What the vocabulary finds in a text, without any memory of the texts before: the ids in order. */
function expectedIds(numbers: ReadonlyMap<number, number>, text: string): number[] {
  const scanner = new FeatureScanner();
  const length = scanner.scan(text);
  const found = [...scanner.hashes.subarray(0, length)].flatMap((hash) => numbers.get(hash) ?? []);
  return [...new Set(found)];
}

it("finds the same features whatever was read before, also when more words came than are remembered", () => {
  const texts = Array.from({ length: 600 }, (_, row) =>
    Array.from({ length: 100 }, (_word, at) => `${word(row * 100 + at)} ${at}!`).join(" "),
  );
  texts.push(`${"z".repeat(5_000)} ${"1".repeat(50)} ${"-".repeat(50)} a é 日本 x1 1x`);
  const vocabulary = learnVocabulary(
    texts.filter((_, row) => row % 3 === 0),
    { minTexts: 1, maxFeatures: 50_000 },
  );
  const numbers = new Map([...vocabulary.hashes].map((hash, id) => [hash, id]));
  for (let round = 0; round < 2; round++)
    for (const text of texts) expect([...vocabulary.vectorize(text).ids]).toEqual(expectedIds(numbers, text));
});
