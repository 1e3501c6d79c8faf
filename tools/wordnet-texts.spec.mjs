import { describe, expect, it } from "vitest";
import { synsetText } from "./wordnet-texts.mjs";

describe("synsetText", () => {
  it("joins up to three words and the definition, without examples and markers", () => {
    const line =
      '00003131 00 a 04 living_thing 0 born(a) 0 nascent 0 last 0 002 ! 00003356 a 0101 & 00003356 a 0000 | being alive; "a nascent plan"  ';
    expect(synsetText(line)).toBe("living thing, born, nascent: being alive");
  });

  it("counts words in hexadecimal and keeps a semicolon inside a definition", () => {
    const words = Array.from({ length: 10 }, (_, at) => `w${at} 0`).join(" ");
    expect(synsetText(`1 03 n 0a ${words} 000 | one; two`)).toBe("w0, w1, w2: one; two");
  });

  it("cuts a long one and skips the licence", () => {
    expect(synsetText(`1 03 n 01 w 0 000 | ${"x".repeat(400)}`)).toHaveLength(300);
    expect(synsetText("  1 This software and database is being provided")).toBeUndefined();
  });

  it("refuses a line of another kind", () => {
    expect(() => synsetText("able 3 0")).toThrow(/no definition/);
    expect(() => synsetText("able | what")).toThrow(/no count/);
  });
});
