import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { pipeline, Transform, type TransformCallback } from "node:stream";
import { createGunzip } from "node:zlib";
import { RouterError } from "@expert-router/classifier";
import { maxBatchLines, type JobSubmission } from "@expert-router/contracts";
import { parse } from "csv-parse";
import { CommandFailure } from "../command-failure.js";
import { saveOutput } from "./save-output.js";
import { readLines } from "../commands/line-file.js";

/** What an input file holds: lines of a batch or objects with a prompt; a table; a prompt a line. */
export const inputFormats = ["jsonl", "csv", "text"] as const;
export type InputFormat = (typeof inputFormats)[number];

/** Longest line of an input: as long as the ingress takes one. */
const maxInputLineBytes = 4 * 1_048_576;

/** How prompts become requests. Lines of a batch stay as they are, but for a `model` that is asked for. */
export interface RequestOptions {
  readonly endpoint: JobSubmission["endpoint"];
  readonly model?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly system?: string | undefined;
  readonly signal?: AbortSignal;
}

/** What was written for the ingress. */
export interface PreparedInput {
  readonly lines: number;
  /** Of the prepared file. */
  readonly sha256: string;
  /** In the order of the input. */
  readonly customIds: readonly string[];
  /** The line of the input that each one stands on, or ends on, from 1. */
  readonly places: readonly number[];
}

/** Told by the name. */
export function formatOf(path: string): InputFormat {
  if (/\.jsonl(\.gz)?$|\.ndjson(\.gz)?$/i.test(path)) return "jsonl";
  return /\.csv(\.gz)?$/i.test(path) ? "csv" : "text";
}

/**
 * Writes the requests of `from` to `to`, one a line, as a batch takes them.
 * @throws CommandFailure naming file and line; an AbortError after `signal`.
 */
export async function prepareInput(
  from: string,
  format: InputFormat,
  to: string,
  options: RequestOptions,
): Promise<PreparedInput> {
  const hash = createHash("sha256");
  const customIds: string[] = [];
  const places: number[] = [];
  const lines = async function* (): AsyncGenerator<string> {
    for await (const { line: inputLine, request } of requests(from, format, options)) {
      options.signal?.throwIfAborted();
      if (customIds.length === maxBatchLines)
        throw new CommandFailure(
          `${from}:${inputLine}: more than ${maxBatchLines} requests; split the file`,
          2,
        );
      const given = request["custom_id"];
      // Whatever else stands there, the ingress says what is wrong with it.
      const customId = given ?? `line-${customIds.length + 1}`;
      customIds.push(typeof customId === "string" ? customId : "");
      places.push(inputLine);
      const line = `${JSON.stringify({ ...request, custom_id: customId })}\n`;
      hash.update(line);
      yield line;
    }
  };
  try {
    await saveOutput(lines(), to);
  } catch (error) {
    if (error instanceof RouterError) throw new CommandFailure(error.message, 2);
    throw error;
  }
  return { lines: customIds.length, sha256: hash.digest("hex"), customIds, places };
}

interface Placed {
  /** Of the input. */
  readonly line: number;
  readonly request: Record<string, unknown>;
}

async function* requests(path: string, format: InputFormat, options: RequestOptions): AsyncGenerator<Placed> {
  if (format === "csv") {
    yield* tableRequests(path, options);
    return;
  }
  for await (const { text, line } of readLines(path, "prompts", maxInputLineBytes)) {
    const place = `${path}:${line}`;
    yield {
      line,
      request:
        format === "text" ? promptRequest(text, undefined, options) : jsonRequest(text, place, options),
    };
  }
}

async function* tableRequests(path: string, options: RequestOptions): AsyncGenerator<Placed> {
  const file = createReadStream(path);
  const bytes = path.endsWith(".gz") ? [file, createGunzip()] : [file];
  // A quote that is never closed makes one record of all that follows.
  const limits = { max_record_size: maxInputLineBytes };
  const table = parse({ columns: true, bom: true, info: true, skip_empty_lines: true, ...limits });
  const rows = pipeline([...bytes, new Utf8Check(), table], () => undefined) as typeof table;
  let found = 0;
  try {
    for await (const { record, info } of rows as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      const place = `${path}:${info.lines}`;
      const prompt = record["prompt"] ?? record["text"];
      if (prompt === undefined)
        throw new CommandFailure(`${place}: there is no column 'prompt' or 'text'`, 2);
      if (prompt.trim() === "") throw new CommandFailure(`${place}: the prompt is empty`, 2);
      found += 1;
      yield {
        line: info.lines,
        request: promptRequest(prompt, record["custom_id"] ?? record["id"], options),
      };
    }
    if (found === 0) throw new CommandFailure(`${path}: holds no prompts`, 2);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`${path}: ${(error as Error).message}`, 2);
  }
}

/** Passes bytes on as long as they are UTF-8; what is not would become other characters without a word. */
class Utf8Check extends Transform {
  private readonly decoder = new TextDecoder("utf-8", { fatal: true });

  override _transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.decode(done, piece);
  }

  override _flush(done: TransformCallback): void {
    this.decode(done);
  }

  private decode(done: TransformCallback, piece?: Buffer): void {
    try {
      this.decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      done(new Error("is not UTF-8 text"));
      return;
    }
    done(undefined, piece);
  }
}

function jsonRequest(text: string, place: string, options: RequestOptions): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${place}: not JSON (${(error as Error).message})`, 2);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new CommandFailure(`${place}: expected a JSON object`, 2);
  const fields = value as Record<string, unknown>;
  if (fields["body"] !== undefined) {
    const { body } = fields;
    const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
    // Whatever else stands there, the ingress says what is wrong with it.
    if (options.model === undefined || !isObject) return fields;
    return { ...fields, body: { ...body, model: options.model } };
  }
  const prompt = fields["prompt"] ?? fields["text"];
  if (typeof prompt !== "string" || prompt.trim() === "")
    throw new CommandFailure(`${place}: expected a line of a batch, or a field 'prompt' or 'text'`, 2);
  const id = fields["custom_id"] ?? fields["id"];
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number")
    throw new CommandFailure(`${place}: expected a string or a number as the id`, 2);
  return promptRequest(prompt, id?.toString(), options);
}

function promptRequest(
  prompt: string,
  id: string | undefined,
  options: RequestOptions,
): Record<string, unknown> {
  const { endpoint, model = "auto", maxTokens, system } = options;
  const limit = maxTokens === undefined ? {} : { max_tokens: maxTokens };
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    { role: "user", content: prompt },
  ];
  const body =
    endpoint === "/v1/completions"
      ? { model, prompt: system === undefined ? prompt : `${system}\n\n${prompt}`, ...limit }
      : { model, messages, ...limit };
  return { ...(id && { custom_id: id }), method: "POST", url: endpoint, body };
}
