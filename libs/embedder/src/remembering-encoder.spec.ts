import { describe, expect, it } from "vitest";
import { RememberingEncoder } from "./remembering-encoder.js";

/** Encodes a text as its length, and notes what it was asked. */
function lengthEncoder(): { asked: string[][]; encoder: RememberingEncoder } {
  const asked: string[][] = [];
  const encoder = new RememberingEncoder({
    dimensions: 2,
    encode: async (texts) => {
      asked.push([...texts]);
      return Float32Array.from(texts.flatMap(({ length }) => [length, -length]));
    },
    close: async () => undefined,
  });
  return { asked, encoder };
}

const vector = (length: number): Float32Array => Float32Array.of(length, -length);

describe("RememberingEncoder", () => {
  it("encodes the turns of a conversation once", async () => {
    const { asked, encoder } = lengthEncoder();
    await encoder.encode(["a", "bb"]);
    expect(await encoder.encode(["bb", "ccc", "a"])).toEqual([vector(2), vector(3), vector(1)]);
    expect(asked).toEqual([["a", "bb"], ["ccc"]]);
  });

  it("encodes a text once that stands twice", async () => {
    const { asked, encoder } = lengthEncoder();
    expect(await encoder.encode(["a", "a"])).toEqual([vector(1), vector(1)]);
    expect(asked).toEqual([["a"]]);
  });

  it("forgets what it met long ago", async () => {
    const { asked, encoder } = lengthEncoder();
    await encoder.encode(["first"]);
    await encoder.encode(Array.from({ length: 3_000 }, (_, at) => `text ${at}`));
    await encoder.encode(["first"]);
    expect(asked.at(-1)).toEqual(["first"]);
  });

  it("keeps nothing of a call that failed", async () => {
    let broken = true;
    const encoder = new RememberingEncoder({
      dimensions: 1,
      encode: async () => {
        if (broken) throw new Error("the model failed");
        return Float32Array.of(7);
      },
      close: async () => undefined,
    });
    await expect(encoder.encode(["a"])).rejects.toThrow("the model failed");
    broken = false;
    expect(await encoder.encode(["a"])).toEqual([Float32Array.of(7)]);
  });
});
