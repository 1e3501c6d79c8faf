import { createHash } from "node:crypto";
import { classifiedText, RouterError, type PromptExample } from "@expert-router/classifier";
import { readPrompts } from "../commands/prompt-file.js";

/** Places that a message names at most. */
const shownPlaces = 5;

export interface TrainingSetOptions {
  /** Whether every prompt needs a domain, some may have one, or none counts. */
  readonly domains: "required" | "optional" | "ignored";
  /** Prompts of these sources are left out. */
  readonly excludedSources: readonly string[];
  /** What becomes of a text that stands with two domains. */
  readonly onConflict: "refuse" | "drop";
}

/** What is trained on, and what was left out of it. */
export interface TrainingSet {
  readonly examples: readonly PromptExample[];
  /** Prompts read, whatever became of them. */
  readonly read: number;
  /** Prompts of excluded sources. */
  readonly excluded: number;
  /** Prompts whose text had been read before with the same domain. */
  readonly duplicates: number;
  /** Prompts left out because their text stands with several domains. */
  readonly conflicting: number;
}

interface Row {
  example: PromptExample;
  readonly place: string;
  conflicting: boolean;
}

/**
 * Reads prompts of several files into memory, each text once: compared in small letters and with single spaces.
 * Of a long text only what a router reads is kept.
 * @throws RouterError `training_data_invalid`, naming file and line.
 */
export async function readTrainingSet(
  paths: readonly string[],
  options: TrainingSetOptions,
): Promise<TrainingSet> {
  const rows = new Map<string, Row>();
  const conflicts: string[] = [];
  const sources = new Set<string>();
  let [read, excluded, duplicates, conflicting] = [0, 0, 0, 0];
  for (const path of paths) {
    for await (const { line, text, ...rest } of readPrompts(path, {
      domain: options.domains === "required",
    })) {
      read++;
      if (rest.source !== undefined) sources.add(rest.source);
      if (rest.source !== undefined && options.excludedSources.includes(rest.source)) {
        excluded++;
        continue;
      }
      const key = fingerprint(text);
      const example = { ...rest, text: classifiedText(text) };
      const row = rows.get(key);
      const place = `${path}:${line}`;
      if (row === undefined) {
        rows.set(key, { example, place, conflicting: false });
      } else if (options.domains !== "ignored" && contradict(row.example, example)) {
        conflicts.push(`${place} says '${example.domain}', ${row.place} '${row.example.domain}'`);
        conflicting += row.conflicting ? 1 : 2;
        row.conflicting = true;
      } else {
        duplicates++;
        // One label is worth more than none.
        row.example = row.example.domain === undefined ? example : row.example;
      }
    }
  }
  assertExcludable(options.excludedSources, sources);
  if (options.onConflict === "refuse") assertNoConflicts(conflicts);
  const examples = [...rows.values()].flatMap((row) => (row.conflicting ? [] : [row.example]));
  if (examples.length === 0)
    throw invalid(`${paths.join(", ")}: no prompt is left of ${read}; every one is excluded or in conflict`);
  return { examples, read, excluded, duplicates, conflicting };
}

function contradict(a: PromptExample, b: PromptExample): boolean {
  return a.domain !== undefined && b.domain !== undefined && a.domain !== b.domain;
}

/** A source misspelt must not get into a router by accident. */
function assertExcludable(excluded: readonly string[], sources: ReadonlySet<string>): void {
  const unknown = excluded.filter((source) => !sources.has(source));
  if (unknown.length === 0) return;
  const known =
    sources.size === 0 ? "no prompt names a source" : `sources are ${[...sources].sort().join(", ")}`;
  throw invalid(`--exclude-source ${unknown.join(",")}: no prompt has it; ${known}`);
}

function assertNoConflicts(conflicts: readonly string[]): void {
  if (conflicts.length === 0) return;
  const more = conflicts.length > shownPlaces ? `; and ${conflicts.length - shownPlaces} more` : "";
  throw invalid(
    `the same text with different domains: ${conflicts.slice(0, shownPlaces).join("; ")}${more}. ` +
      "Correct them, or leave such texts out with --on-conflict drop",
  );
}

/** What tells texts apart but for case and spacing: 128 bits of a hash, shorter than most texts. */
export function fingerprint(text: string): string {
  const normalised = text.trim().toLowerCase().replaceAll(/\s+/g, " ");
  return createHash("sha256").update(normalised).digest().toString("latin1", 0, 16);
}

function invalid(message: string): RouterError {
  return new RouterError("training_data_invalid", message);
}
