import { describe, expect, it } from "vitest";
import { fileLines, maxLineBytes, type FileLine } from "./file-lines.js";

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Buffer, size = 7): Promise<[number, string | undefined][]> {
  const all: FileLine[] = [];
  for await (const lines of fileLines(cut(Buffer.from(text), size))) all.push(...lines);
  return all.map(({ line, bytes }) => [line, bytes && Buffer.from(bytes).toString()]);
}

describe("fileLines", () => {
  it("ends lines at LF and CRLF, wherever the stream is cut", async () => {
    for (const size of [1, 2, 3, 7, 100])
      expect(await read("one\r\ntwo\nthree\u2028\r\nfour", size)).toEqual([
        [1, "one"],
        [2, "two"],
        [3, "three\u2028"],
        [4, "four"],
      ]);
  });

  it("counts blank lines and leaves them out", async () => {
    expect(await read("\n a\n\r\n \t\nb\n\n")).toEqual([
      [2, " a"],
      [5, "b"],
    ]);
  });

  it("leaves a byte order mark out, in front only", async () => {
    expect(await read("\uFEFFa\n\uFEFFb", 1)).toEqual([
      [1, "a"],
      [2, "\uFEFFb"],
    ]);
  });

  it("finds nothing in an empty file", async () => {
    expect(await read("")).toEqual([]);
    expect(await read("\uFEFF\r\n\n")).toEqual([]);
  });

  it("tells a line that is too long, keeps none of it, and goes on behind it", async () => {
    const long = "x".repeat(maxLineBytes + 1);
    const fits = "y".repeat(maxLineBytes);
    const lines = await read(`a\n${long}\n${fits}\nb\n${long}`, 65_536);
    expect(lines.map(([line, text]) => [line, text?.length])).toEqual([
      [1, 1],
      [2, undefined],
      [3, maxLineBytes],
      [4, 1],
      [5, undefined],
    ]);
  });

  it("says where each line begins", async () => {
    const text = Buffer.from("\uFEFFäh\r\n\n  b\nlast");
    for (const size of [1, 2, 5, 100]) {
      const found: FileLine[] = [];
      for await (const lines of fileLines(cut(text, size))) found.push(...lines);
      expect(found.map(({ offset }) => offset)).toEqual([3, 9, 13]);
      for (const { bytes, offset } of found)
        expect(text.subarray(offset, offset + bytes!.length)).toEqual(Buffer.from(bytes!));
    }
  });
});
