import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distilCommand } from "./models-distil.js";
import { runCommand } from "./run-command.fixture.js";

let root: string;
const at = (name: string): string => join(root, name);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "models-distil-"));
  await writeFile(at("words.txt"), "the\nof\noven\n");
  await writeFile(at("numbers.txt"), "1\n2\nthree\n");
  await writeFile(at("texts.jsonl"), '{"text":"the oven","prompt":true}\n{"text":"of"}\n');
  await writeFile(at("bad.jsonl"), '{"text":"the oven"}\n{"text":"of","prompt":"yes"}\n');
});
afterAll(() => rm(root, { recursive: true, force: true }));

const distil = (texts: string, words: string, output: string, ...more: string[]): Promise<string> =>
  runCommand(
    distilCommand(),
    at("no-encoder"),
    "--texts",
    at(texts),
    "--words",
    at(words),
    "--output",
    output,
    ...more,
  );

describe("models distil", () => {
  it("names the file at fault before it opens an encoder", async () => {
    await expect(distil("bad.jsonl", "words.txt", at("out.bin"))).rejects.toThrow(/bad\.jsonl:2: prompt: /);
    await expect(distil("none.jsonl", "words.txt", at("out.bin"))).rejects.toThrow(
      /none\.jsonl: there is no such/,
    );
    await expect(distil("texts.jsonl", "numbers.txt", at("out.bin"))).rejects.toThrow(
      /numbers\.txt: 3 entries hold 1/,
    );
    await expect(distil("texts.jsonl", "words.txt", root)).rejects.toThrow(/is a folder, not a file/);
    await expect(distil("words.txt", "words.txt", at("out.bin"))).rejects.toThrow(
      /neither \.jsonl nor \.jsonl\.gz/,
    );
  });

  it("says what an encoder's folder lacks, and leaves nothing behind", async () => {
    await expect(distil("texts.jsonl", "words.txt", at("out.bin"))).rejects.toMatchObject({
      code: "encoder_missing",
    });
    expect(await readdir(root)).not.toContain("out.bin");
    expect(await readdir(root)).not.toContain("out.bin.part");
  });

  it("refuses numbers that make no sense", async () => {
    for (const option of ["--prior=-1", "--prompt-weight=x", "--dimensions=0", "--max-words=1"])
      await expect(distil("texts.jsonl", "words.txt", at("out.bin"), option)).rejects.toThrow(/must be a/);
  });
});
