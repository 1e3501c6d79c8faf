import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SseParser } from "./sse-parser.js";

function parse(reads: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const parser = new SseParser({ onData: (data) => seen.push(data), takeKnown: (_text, from) => from });
  for (const read of reads) parser.push(read);
  return seen;
}

/** `bytes` cut into pieces at the given places. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}

const awkward = [
  "\uFEFF: a comment\n",
  "data: first\n\n",
  "data:no space\r\n\r\n",
  "event: token\nid: 7\nretry: 10\ndata: über 日本 🙂\n\n",
  "data: one\r\ndata: two\ndata:\n\n",
  ": ping\n\n\n",
  "data:  indented\n\n",
  "data: never ended\n",
].join("");
const expected = ["first", "no space", "über 日本 🙂", "one\ntwo\n", " indented"];

describe("SseParser", () => {
  it("reads what the standard says, whole", () => {
    expect(parse([Buffer.from(awkward)])).toEqual(expected);
  });

  it("reads the same cut at every byte", () => {
    const bytes = Buffer.from(awkward);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(parse([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(expected);
    }
    expect(parse([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected);
  });

  it("gives back any events, cut anywhere", () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n\uFEFF]/g, ""));
    const event = fc.record({
      lines: fc.array(line, { minLength: 1, maxLength: 3 }),
      eol: fc.constantFrom("\n", "\r\n"),
    });
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat()), (events, cuts) => {
        const text = events
          .map(({ lines, eol }) => lines.map((one) => `data: ${one}${eol}`).join("") + eol)
          .join("");
        expect(parse(cutAt(Buffer.from(text), cuts))).toEqual(events.map(({ lines }) => lines.join("\n")));
      }),
    );
  });

  it("refuses a line without end", () => {
    const mebibyte = Buffer.alloc(1024 * 1024, "x");
    expect(() => parse([mebibyte, mebibyte, mebibyte, mebibyte, mebibyte])).toThrow(
      expect.objectContaining({ code: "engine_protocol_error" }),
    );
  });

  it("refuses an event without end", () => {
    const line = Buffer.from(`data: ${"x".repeat(1024 * 1024)}\n`);
    expect(() => parse([line, line, line, line, line])).toThrow(
      expect.objectContaining({ code: "engine_protocol_error" }),
    );
  });
});
