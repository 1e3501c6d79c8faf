import { describe, expect, it } from "vitest";
import { TextPattern } from "./text-pattern.js";

const framing = { head: "data: ", eol: "\n" };
const json = (content: string): string =>
  `{"id":"c","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}},"finish_reason":null}]}`;
const event = (content: string): string => `data: ${json(content)}\n\n`;

describe("TextPattern", () => {
  it("takes every event like the one it learned from, and stops at the first other", () => {
    const pattern = new TextPattern("content");
    pattern.learn(json("a"), "a", framing);
    const texts: string[] = [];
    const known = event("b") + event("日本 🙂") + event("'");
    expect(pattern.take(known + event('"quoted"') + event("c"), 0, texts)).toBe(known.length);
    expect(texts).toEqual(["b", "日本 🙂", "'"]);
  });

  it("takes no event that is not there to its end", () => {
    const pattern = new TextPattern("content");
    pattern.learn(json("a"), "a", framing);
    for (let length = 0; length < event("b").length; length += 1)
      expect(pattern.take(event("b").slice(0, length), 0, [])).toBe(0);
  });

  it("learns nothing where it cannot tell which text is meant", () => {
    for (const [data, value] of [
      ['{"content":"a","choices":[{"index":0,"delta":{"content":"a"}}]}', "a"],
      ['{"choices":[{"index":0,"delta":{"content":"\\u0061"}}]}', "a"],
      ['{"choices":[{"index":0,"delta":{"content":null,"other":"a"}}]}', "b"],
    ] as const) {
      const pattern = new TextPattern("content");
      pattern.learn(data, value, framing);
      expect(pattern.take(`data: ${data}\n\n`, 0, []), data).toBe(0);
    }
  });

  it("gives up on a server that never writes two events alike", () => {
    const pattern = new TextPattern("content");
    for (let i = 0; i < 40; i += 1) pattern.learn(json("a").replace('"c"', `"${i}"`), "a", framing);
    expect(pattern.take(event("b").replace('"c"', '"39"'), 0, [])).toBe(0);
  });
});
