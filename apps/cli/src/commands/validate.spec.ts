import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Validation } from "@expert-router/classifier";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand, themeLines } from "./run-command.fixture.js";
import { validateCommand } from "./validate.js";

let root: string;
let input: readonly string[];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "validate-"));
  const path = join(root, "prompts.jsonl");
  await writeFile(path, themeLines().join("\n"));
  input = ["--input", path, "--folds", "2", "--methods", "words-1,words-1-seeds,default"];
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function seedFile(): Promise<string> {
  const path = join(root, "seeds.jsonl");
  const lines = themeLines().map((line) => {
    const { text, ...rest } = JSON.parse(line) as { text: string };
    return JSON.stringify({ ...rest, text: `${text} today`, source: "seeds" });
  });
  await writeFile(path, lines.join("\n"));
  return path;
}

describe("validate", () => {
  it("prints a line a method and the lead of the default over both readings of a bag of words", async () => {
    const output = await runCommand(validateCommand(), ...input, "--seeds", await seedFile(), "--details");
    const lines = output.split("\n");
    expect(lines[0]).toMatch(/^80 prompts, .* 2 folds, seed 1; 80 seeds$/);
    expect(lines.filter((line) => /^words-1 +input +100\.0 %/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^default +input and seeds +100\.0 %/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^sailing +100\.0 % +100\.0 % +100\.0 %$/.test(line))).toHaveLength(1);
    expect(output).toContain(
      "points of macro accuracy: +0.0 (words-1, trained on the input); +0.0 (words-1-seeds, trained on the input and seeds)",
    );
  });

  it("prints one JSON object; without seeds the forms with seeds are left out", async () => {
    const found = JSON.parse(await runCommand(validateCommand(), ...input, "--json")) as Validation;
    expect(found).toMatchObject({ folds: 2, seed: 1, judged: 80, seeds: 0, unteachable_by_input: {} });
    expect(found.methods.map(({ id, trained_on }) => [id, trained_on])).toEqual([
      ["words-1", "input"],
      ["default", "input"],
    ]);
  });

  it("says that a label without a second source counts as wrong", async () => {
    const output = await runCommand(validateCommand(), ...input, "--exclude-source", "sailing-1");
    expect(output).toMatch(/no other source to be learned from and count as wrong: sailing 20\./);
  });

  it("refuses what it does not know", async () => {
    const refusal = (...args: string[]): Promise<string> => runCommand(validateCommand(), ...input, ...args);
    await expect(refusal("--methods", "magic")).rejects.toThrow(/unknown: magic; there are paper-14, /);
    await expect(refusal("--methods", "encoder")).rejects.toThrow(/folder by --encoder/);
    await expect(refusal("--folds", "1")).rejects.toThrow(/from 2 to 100/);
    await expect(refusal("--exclude-source", "nobody")).rejects.toThrow(/no prompt has it/);
  });
});
