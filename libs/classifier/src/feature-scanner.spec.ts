import { describe, expect, it } from "vitest";
import { FeatureScanner } from "./feature-scanner.js";

const scan = (text: string, block?: number): number[] => {
  const scanner = new FeatureScanner();
  const length = scanner.scan(text);
  return [...scanner.hashes.subarray(0, length)].filter(
    (_, at) => block === undefined || scanner.blocks[at] === block,
  );
};

describe("FeatureScanner", () => {
  it("does not tell capitals from small letters", () => {
    expect(scan("Hello World")).toEqual(scan("hello world"));
  });

  it("reads numbers of the same length as one word", () => {
    expect(scan("add 17 apples", 0)).toEqual(scan("add 42 apples", 0));
    expect(scan("add 17 apples", 0)).not.toEqual(scan("add 1742 apples", 0));
  });

  it("keeps marks and one-letter names, which code and formulas live by", () => {
    expect(scan("x = y;", 0)).not.toEqual(scan("x y", 0));
    expect(scan("x = y;", 0)).not.toEqual(scan("a = y;", 0));
  });

  it("marks scripts other than plain Latin", () => {
    const latin = new Set(scan("capital of japan", 2));
    expect(scan("日本の首都", 2).some((hash) => !latin.has(hash))).toBe(true);
  });

  it("lists pairs of words in their order", () => {
    expect(scan("dog bites man", 0)).not.toEqual(scan("man bites dog", 0));
  });

  it("survives anything, however long, and forgets the text before", () => {
    const scanner = new FeatureScanner();
    expect(scanner.scan(`\u{1f600}\ud800 ${"ab1;".repeat(20_000)}${"z".repeat(9_000)}`)).toBeGreaterThan(
      50_000,
    );
    const length = scanner.scan("short");
    expect([...scanner.hashes.subarray(0, length)]).toEqual(scan("short"));
  });

  it("gives the hashes that artifacts were trained with", () => {
    expect(scan("Is 2+2=4?")).toMatchInlineSnapshot(`
      [
        4277732702,
        3998442573,
        2764860075,
        3547637327,
        1270510740,
        4219544795,
        1138218666,
        437746061,
        539696626,
        1270510740,
        4219544795,
        2620542451,
        3876886064,
        258275192,
        1270510740,
        4219544795,
        2743934319,
        752024057,
        776462720,
      ]
    `);
  });
});
