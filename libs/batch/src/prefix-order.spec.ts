import { describe, expect, it } from "vitest";
import type { BatchLine } from "./batch-line.js";
import { orderedByPrefix } from "./prefix-order.js";

const chat = (line: number, system: unknown): BatchLine => ({
  line,
  customId: String(line),
  bytes: 1,
  offset: 0,
  body: {
    messages: [
      { role: "system", content: system },
      { role: "user", content: `Question ${line}` },
    ],
  },
});
const completion = (line: number, prompt: unknown): BatchLine => ({
  line,
  customId: String(line),
  bytes: 1,
  offset: 0,
  body: { prompt },
});

describe("orderedByPrefix", () => {
  it("brings lines with the same beginning together, and changes no other order", () => {
    const parts = [{ type: "text", text: "c" }];
    const lines = [
      chat(1, "a"),
      chat(2, "b"),
      chat(3, "a"),
      completion(4, "a"),
      chat(5, parts),
      chat(6, "b"),
      chat(7, parts),
    ];
    expect(orderedByPrefix(lines).map(({ line }) => line)).toEqual([1, 3, 4, 2, 6, 5, 7]);
  });

  it("loses no line, whatever its body is", () => {
    const lines = [
      completion(1, [1, 2]),
      completion(2, undefined),
      { ...completion(3, ""), body: { messages: {} } },
      chat(4, JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`)),
    ];
    expect(orderedByPrefix(lines)).toHaveLength(4);
  });
});
