import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { benchmarkPrompts } from "./benchmark-prompts.js";

it("makes texts of 400 characters, different ones and always the same", async () => {
  const texts = await benchmarkPrompts(undefined);
  expect(texts.length).toBeGreaterThan(1_000);
  expect(new Set(texts.map((text) => text.length))).toEqual(new Set([400]));
  expect(new Set(texts).size).toBe(texts.length);
  expect(await benchmarkPrompts(undefined)).toEqual(texts);
});

it("takes the prompts of a file, and refuses an empty one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "benchmark-prompts-"));
  const file = join(folder, "prompts.jsonl");
  await writeFile(file, '{"text":"one"}\n{"text":"two"}\n');
  expect(await benchmarkPrompts(file)).toEqual(["one", "two"]);
  await writeFile(file, "");
  await expect(benchmarkPrompts(file)).rejects.toThrow(/no prompt/);
  await rm(folder, { recursive: true });
});
