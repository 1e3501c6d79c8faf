import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SentenceEncoder } from "@expert-router/embedder";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeTexts } from "./encoded-texts.js";

let root: string;
let path: string;
let asked: string[];
let number = 0;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "encoded-texts-"))));
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  path = join(root, `${number++}.f32`);
  asked = [];
});

/** An encoder of two numbers a text; it fails at texts that say so. */
function encoder(digest = "0"): SentenceEncoder {
  const encode = async (texts: readonly string[]): Promise<Float32Array> => {
    if (texts.some((text) => text.startsWith("fail"))) throw new Error("broken off");
    asked.push(...texts);
    return Float32Array.from(texts.flatMap((text) => [text.length, text.charCodeAt(0)]));
  };
  const model = { name: "m", files: [{ name: "m", sha256: digest, bytes: 1 }] };
  const known = { dimensions: 2, maxTokens: 8, pooling: "mean", normalized: true, model, encode };
  return known as unknown as SentenceEncoder;
}

const none = (): void => undefined;

describe("encodeTexts", () => {
  it("encodes each different text once and gives every row its vector", async () => {
    const done = await encodeTexts(encoder(), ["aa", "b", "aa"], undefined, none);
    expect(asked).toEqual(["aa", "b"]);
    expect(done).toEqual({ vectors: Float32Array.of(2, 97, 1, 98, 2, 97), encoded: 2, cached: 0 });
  });

  it("encodes nothing that the cache holds, and adds what it lacks", async () => {
    await encodeTexts(encoder(), ["aa", "b"], path, none);
    const done = await encodeTexts(encoder(), ["b", "ccc", "aa"], path, none);
    expect(asked).toEqual(["aa", "b", "ccc"]);
    expect(done).toEqual({ vectors: Float32Array.of(1, 98, 3, 99, 2, 97), encoded: 1, cached: 2 });
    expect((await stat(path)).size).toBe(48 + 3 * (16 + 8));
  });

  it("keeps what was encoded before a failure, and goes on from there", async () => {
    const texts = Array.from({ length: 600 }, (_, at) => `text ${at}`);
    await expect(encodeTexts(encoder(), [...texts, "fail"], path, none)).rejects.toThrow("broken off");
    const before = asked.length;
    expect(before).toBe(512);
    const done = await encodeTexts(encoder(), texts, path, none);
    expect(done).toMatchObject({ encoded: 88, cached: 512 });
    expect(asked.slice(before)).toEqual(texts.slice(512));
    expect(done.vectors[2 * 599 + 1]).toBe("t".charCodeAt(0));
  });

  it("cuts off a record that was not written to its end", async () => {
    await encodeTexts(encoder(), ["aa", "b"], path, none);
    await appendFile(path, Buffer.alloc(11, 7));
    await encodeTexts(encoder(), ["ccc"], path, none);
    const done = await encodeTexts(encoder(), ["aa", "b", "ccc"], path, none);
    expect(done).toEqual({ vectors: Float32Array.of(2, 97, 1, 98, 3, 99), encoded: 0, cached: 3 });
  });

  it("refuses a file of another encoder and one that is none, and leaves both as they are", async () => {
    await encodeTexts(encoder("0"), ["aa"], path, none);
    const bytes = await readFile(path);
    await expect(encodeTexts(encoder("1"), ["aa"], path, none)).rejects.toThrow(/of another encoder/);
    expect(await readFile(path)).toEqual(bytes);
    await writeFile(path, "a letter to a friend");
    await expect(encodeTexts(encoder(), ["aa"], path, none)).rejects.toThrow(/holds no embeddings/);
    expect(await readFile(path, "utf8")).toBe("a letter to a friend");
  });
});
