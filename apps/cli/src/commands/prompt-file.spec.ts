import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maxLineBytes, splitLines } from "./json-lines.js";
import { readPrompts } from "./prompt-file.js";

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "prompt-file-"))));
afterAll(() => rm(root, { recursive: true, force: true }));

async function read(name: string, content: string | Uint8Array, domain = true): Promise<string[]> {
  await writeFile(join(root, name), content);
  const texts: string[] = [];
  for await (const { text } of readPrompts(join(root, name), { domain })) texts.push(text);
  return texts;
}

const line = (text: string): string => JSON.stringify({ text, domain: "d", extra: [1] });

describe("readPrompts", () => {
  it("reads lines, compressed or not, with any line end and without a last one", async () => {
    const content = `${line("a\nb")}\r\n\n${line("é")}`;
    expect(await read("plain.jsonl", content)).toEqual(["a\nb", "é"]);
    expect(await read("packed.jsonl.gz", gzipSync(content))).toEqual(["a\nb", "é"]);
  });

  it("does not end a line at a separator inside a string, nor break a character between two chunks", async () => {
    const text = "one\u2028two\u2029three\u0085four";
    expect(await read("separators.jsonl", JSON.stringify({ text, domain: "d" }))).toEqual([text]);
    const long = "é日".repeat(100_000);
    expect(await read("long.jsonl", line(long))).toEqual([long]);
  });

  it("names the file and the line at fault", async () => {
    await expect(read("a.jsonl", `${line("x")}\n\n{"text":`)).rejects.toThrow(/a\.jsonl:3: not JSON/);
    await expect(read("b.jsonl", `${line("x")}\n{"text":" ","domain":""}`)).rejects.toThrow(
      /b\.jsonl:2: text: must not be blank; domain: /,
    );
    await expect(read("c.jsonl", '{"text":"x"}')).rejects.toThrow(/c\.jsonl:1: domain: missing/);
    expect(await read("c.jsonl", '{"text":"x"}', false)).toEqual(["x"]);
  });

  it("refuses what is not a whole file of prompts", async () => {
    const packed = gzipSync(
      Array.from({ length: 5_000 }, (_, at) => line(`prompt ${at} ${Math.sin(at)}`)).join("\n"),
    );
    await expect(read("cut.jsonl.gz", packed.subarray(0, packed.length / 2))).rejects.toThrow(
      /cut\.jsonl\.gz: damaged gzip data after line \d+ \(unexpected end/,
    );
    await expect(read("fake.jsonl.gz", "not gzip")).rejects.toThrow(/is not gzip data/);
    await expect(read("empty.jsonl", "\n")).rejects.toThrow(/holds no prompts/);
    await expect(read("table.csv", "text")).rejects.toThrow(/neither .jsonl nor/);
    await expect(readPrompts(join(root, "absent.jsonl"), { domain: true }).next()).rejects.toThrow(
      /there is no such file/,
    );
  });
});

describe("splitLines", () => {
  it("reads no further than the limit of a line", async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("first\n");
      for (; ; sent += 65_536) yield Buffer.alloc(65_536, "a");
    }
    const lines = splitLines(endless());
    expect((await lines.next()).value).toBe("first");
    await expect(lines.next()).rejects.toMatchObject({ line: 2, message: "longer than 1 MiB" });
    expect(sent).toBeLessThanOrEqual(maxLineBytes);
  });

  it("leaves a byte order mark out", async () => {
    expect(await read("marked.jsonl", `\uFEFF${line("a")}`)).toEqual(["a"]);
  });
});
