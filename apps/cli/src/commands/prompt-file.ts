/** Prompts of a JSON Lines file, streamed: `.jsonl`, or `.jsonl.gz` decompressed on the way. */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { promptExampleSchema, RouterError, type PromptExample } from "@expert-router/classifier";
import { splitLines } from "./json-lines.js";

/** More prompts than fit the memory of a training run; beyond, a sample serves as well. */
const maxPrompts = 2_000_000;

/** Fields that a command cannot do without. */
export interface RequiredFields {
  readonly domain: boolean;
}

/**
 * Reads the prompts of `path` one by one. Blank lines are skipped.
 * @throws RouterError `training_data_invalid`, naming file and line.
 */
export async function* readPrompts(path: string, required: RequiredFields): AsyncGenerator<PromptExample> {
  if (!/\.jsonl(\.gz)?$/.test(path)) throw invalid(`${path}: neither .jsonl nor .jsonl.gz`);
  let failure: Error | undefined;
  const file = createReadStream(path);
  const onEnd = (error: Error | null): void => void (failure ??= error ?? undefined);
  const bytes = path.endsWith(".gz") ? pipeline(file, createGunzip(), onEnd) : file.on("error", onEnd);
  let number = 0;
  let found = 0;
  try {
    for await (const line of splitLines(bytes)) {
      number++;
      if (line.trim() === "") continue;
      if (++found > maxPrompts) throw invalid(`${path}:${number}: more than ${maxPrompts} prompts`);
      yield parsePrompt(line, `${path}:${number}`, required);
    }
  } catch (error) {
    failure ??= error as Error;
  } finally {
    file.destroy();
  }
  if (failure instanceof RouterError) throw failure;
  if (failure !== undefined)
    throw invalid(
      `${path}: cannot be read${number === 0 ? "" : ` after line ${number}`} (${failure.message})`,
      failure,
    );
  if (found === 0) throw invalid(`${path}: holds no prompts`);
}

function parsePrompt(line: string, place: string, required: RequiredFields): PromptExample {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw invalid(`${place}: not JSON (${(cause as Error).message})`, cause);
  }
  const result = promptExampleSchema.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues.map(
      (issue) => `${issue.path.join(".") || "the line"}: ${issue.message}`,
    );
    throw invalid(`${place}: ${problems.join("; ")}`);
  }
  if (required.domain && result.data.domain === undefined) throw invalid(`${place}: domain: missing`);
  return result.data;
}

function invalid(message: string, cause?: unknown): RouterError {
  return new RouterError("training_data_invalid", message, { cause });
}
