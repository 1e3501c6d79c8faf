import { describe, expect, it } from "vitest";
import { editDistance, nearestName } from "./nearest-name.js";

describe("nearestName", () => {
  const known = ["threshold", "artifact", "spill_margin", "id"];

  it("finds what was meant", () => {
    expect(nearestName("treshold", known)).toBe("threshold");
    expect(nearestName("artefact", known)).toBe("artifact");
    expect(nearestName("spillMargin", known)).toBe("spill_margin");
    expect(nearestName("di", known)).toBe("id");
  });

  it("stays silent where nothing is close", () => {
    expect(nearestName("colour", known)).toBeUndefined();
    expect(nearestName("x", known)).toBeUndefined();
  });
});

describe("editDistance", () => {
  it("counts insertions, deletions, replacements and swaps", () => {
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("ab", "ba")).toBe(1);
    expect(editDistance("same", "same")).toBe(0);
  });
});
