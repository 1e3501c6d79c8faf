import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PromptExample } from "@expert-router/classifier";
import { readPrompts } from "../commands/prompt-file.js";

/** Prompts written for this project, on the 14 domains of its default router. */
const folder = fileURLToPath(new URL("../../../../routers/seeds/", import.meta.url));

/** Seed prompts that belong to the domains of a training set. */
export interface SeedPrompts {
  /** None when a domain of the set is not one of the seeds': its labels mean something else then. */
  readonly examples: readonly PromptExample[];
  /** Files they came from. */
  readonly files: number;
}

/**
 * The seed prompts of exactly the domains that `domains` names, when all of them are domains of the seeds. A few
 * hundred prompts of one source teach that source's wording; the seeds keep the router open to others.
 */
export async function readSeedPrompts(domains: ReadonlySet<string>): Promise<SeedPrompts> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".jsonl")).sort();
  const examples: PromptExample[] = [];
  const known = new Set<string>();
  for (const name of names) {
    for await (const { line: _, ...example } of readPrompts(join(folder, name), { domain: true })) {
      known.add(example.domain!);
      if (domains.has(example.domain!)) examples.push(example);
    }
  }
  if ([...domains].some((domain) => !known.has(domain))) return { examples: [], files: 0 };
  return { examples, files: names.length };
}
