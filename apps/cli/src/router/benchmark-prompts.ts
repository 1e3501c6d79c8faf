/** Prompts for `expert-router router bench`. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandFailure } from "../command-failure.js";
import { readPrompts } from "../commands/prompt-file.js";

/** UTF-16 units of a prompt that is made of seed prompts. */
const madeUnits = 400;

/** Prompts that are measured at most. */
const mostPrompts = 10_000;

/** Step through the seed prompts, so that neighbours come from far apart: a prime that divides no likely number of them. */
const stride = 7_919;

const seedFolder = fileURLToPath(new URL("../../../../routers/seeds/", import.meta.url));

/** The prompts of `input`; without it, texts of 400 characters made of the seed prompts, always the same. */
export async function benchmarkPrompts(input: string | undefined): Promise<string[]> {
  if (input !== undefined) {
    const texts = await textsOf(input, mostPrompts);
    if (texts.length === 0) throw new CommandFailure(`${input} holds no prompt`);
    return texts;
  }
  const names = await readdir(seedFolder).catch(() => {
    throw new CommandFailure("no seed prompts here; give --input FILE", 2);
  });
  const files = names.filter((name) => name.endsWith(".jsonl")).sort();
  const seeds = (await Promise.all(files.map((name) => textsOf(join(seedFolder, name), Infinity)))).flat();
  return madeOf(seeds);
}

async function textsOf(file: string, most: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of readPrompts(file, { domain: false })) if (texts.push(text) >= most) break;
  return texts;
}

function madeOf(seeds: readonly string[]): string[] {
  const prompts: string[] = [];
  let prompt = "";
  for (let at = 0; at < seeds.length; at++) {
    prompt += `${seeds[(at * stride) % seeds.length]!} `;
    if (prompt.length < madeUnits) continue;
    prompts.push(prompt.slice(0, madeUnits));
    prompt = "";
  }
  return prompts;
}
