/** Prompts of a JSON Lines file, streamed: `.jsonl`, or `.jsonl.gz` decompressed on the way. */
import { promptExampleSchema, RouterError, type PromptExample } from "@expert-router/classifier";
import { readLines } from "./line-file.js";

/** Fields that a command cannot do without. */
export interface RequiredFields {
  readonly domain: boolean;
}

/** A prompt and where it stands. */
export interface PromptLine extends PromptExample {
  /** Number of its line, from 1. */
  readonly line: number;
}

/**
 * Reads the prompts of `path` one by one. Blank lines are skipped.
 * @throws RouterError `training_data_invalid`, naming file and line.
 */
export async function* readPrompts(path: string, required: RequiredFields): AsyncGenerator<PromptLine> {
  if (!/\.jsonl(\.gz)?$/.test(path)) throw invalid(`${path}: neither .jsonl nor .jsonl.gz`);
  for await (const { text, line } of readLines(path, "prompts"))
    yield { ...parsePrompt(text, `${path}:${line}`, required), line };
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
    const problems = result.error.issues.map((issue) => {
      const [field] = issue.path;
      const missing = field !== undefined && !Object.hasOwn(json as object, field);
      return `${issue.path.join(".") || "the line"}: ${missing ? "missing" : issue.message}`;
    });
    throw invalid(`${place}: ${problems.join("; ")}`);
  }
  if (required.domain && result.data.domain === undefined) throw invalid(`${place}: domain: missing`);
  return result.data;
}

function invalid(message: string, cause?: unknown): RouterError {
  return new RouterError("training_data_invalid", message, { cause });
}
