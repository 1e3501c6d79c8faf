import { describe, expect, it } from "vitest";
import { readLinesAt, type LinePlace } from "./line-places.js";

const file = Buffer.from(
  Array.from({ length: 400 }, (_, i) => `${i + 1} ${"x".repeat(i === 200 ? 100_000 : 50)}\n`).join(""),
);

function placeOf(line: number): LinePlace {
  let offset = 0;
  for (let each = 1; each < line; each++) offset = file.indexOf("\n", offset) + 1;
  return { line, offset, bytes: file.indexOf("\n", offset) - offset };
}

describe("readLinesAt", () => {
  it("reads what lies together in one piece, and skips long gaps", async () => {
    const ranges: { offset: number; length: number }[] = [];
    const lines = await readLinesAt([placeOf(300), placeOf(3), placeOf(7)], async (range) => {
      ranges.push(range);
      return cut(file.subarray(range.offset, range.offset + range.length));
    });
    expect(lines.map(({ line, bytes }) => [line, Buffer.from(bytes!).toString().split(" ")[0]])).toEqual([
      [3, "3"],
      [7, "7"],
      [300, "300"],
    ]);
    expect(ranges).toHaveLength(2);
  });

  it("does not take a shorter file, or none, for the lines", async () => {
    const place = placeOf(400);
    await expect(readLinesAt([place], async () => undefined)).rejects.toThrow("gone");
    await expect(readLinesAt([place], async () => cut(Buffer.from("400 xx")))).rejects.toThrow("shorter");
  });
});

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}
