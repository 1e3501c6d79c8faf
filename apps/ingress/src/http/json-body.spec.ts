import { describe, expect, it } from "vitest";
import { isNestedDeeper } from "./json-body.js";

describe("isNestedDeeper", () => {
  it.each([
    ["{}", 1, false],
    ['[{"a":[]}]', 3, false],
    ['[{"a":[]}]', 2, true],
    ["[[],[],[],[]]", 2, false],
    // Brackets in strings are text, whatever is escaped there.
    ['"[[[["', 0, false],
    ['"\\"[[[["', 0, false],
    ['"\\\\"', 0, false],
    ['["\\\\",[[]]]', 2, true],
    ['["\\\\\\"[[[["]', 1, false],
    // A parser says what is wrong with text that is no JSON.
    ['"[[[[', 0, false],
    ["]]]][[", 1, false],
  ])("%s beyond %i: %j", (text, max, deeper) => {
    expect(isNestedDeeper(text, max)).toBe(deeper);
  });

  it("looks at the largest body in no time", () => {
    const texts = [`"${'\\"'.repeat(2_000_000)}"`, `"${"\\\\".repeat(2_000_000)}"`, "[],".repeat(1_333_333)];
    for (const text of texts) {
      const startedAt = performance.now();
      isNestedDeeper(text, 200);
      // Work that grows with the square would take minutes.
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    }
  });
});
