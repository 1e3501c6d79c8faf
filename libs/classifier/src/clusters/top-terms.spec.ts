import { describe, expect, it } from "vitest";
import { topTerms } from "./top-terms.js";

describe("topTerms", () => {
  const texts = Array.from({ length: 60 }, (_, row) =>
    row % 2 === 0
      ? `please tell me about the oven ${row === 0 ? "secret ".repeat(9) : ""}`
      : `please tell me about the mast ${row % 4 === 1 ? "wind" : ""}`,
  );
  const terms = topTerms(
    texts,
    Int32Array.from(texts, (_, row) => row % 2),
    2,
  );

  it("names what marks a cluster before what all of them say", () => {
    expect(terms[0]![0]).toBe("oven");
    expect(terms[1]!.slice(0, 2)).toEqual(["mast", "wind"]);
    expect(terms[0]).not.toContain("mast");
  });

  it("never shows a word of fewer than five prompts, however often one repeats it", () => {
    expect(terms.flat()).not.toContain("secret");
  });

  it("stands texts that hold one word only", () => {
    expect(
      topTerms(
        Array.from({ length: 6 }, () => "oven"),
        new Int32Array(6),
        1,
      ),
    ).toEqual([["oven"]]);
  });
});
