import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  classifiedText,
  distilWordVectors,
  readWordList,
  RouterError,
  type Distillation,
  type DistillationOptions,
  type WordList,
} from "@expert-router/classifier";
import { SentenceEncoder, type SentenceEncoderOptions } from "@expert-router/embedder";
import { z } from "zod";
import { readLines } from "../commands/line-file.js";
import { encodeTexts } from "./encoded-texts.js";

/** Paths, and how to distil. */
export interface DistilToFile extends DistillationOptions, SentenceEncoderOptions {
  /** Folder of the encoder. */
  readonly dir: string;
  readonly texts: readonly string[];
  readonly words: string;
  readonly maxWords: number;
  readonly output: string;
  readonly embeddings?: string | undefined;
}

/** What came of it. */
export interface DistilledFile extends Pick<Distillation, "kept" | "explained" | "seen"> {
  readonly words: number;
  readonly leftOut: number;
  readonly dimensions: number;
  readonly texts: number;
  readonly prompts: number;
  readonly encoded: number;
  readonly cached: number;
  readonly bytes: number;
}

const textSchema = z.object({
  text: z.string().refine((text) => text.trim() !== "", "must not be blank"),
  prompt: z.boolean().optional(),
});

interface Texts {
  readonly texts: string[];
  readonly arePrompts: boolean[];
}

/**
 * Distils the encoder in `dir` into word vectors and writes them to `output`.
 * @throws RouterError and EncoderError, naming the file at fault; nothing is written then but embeddings.
 */
export async function distilToFile(job: DistilToFile): Promise<DistilledFile> {
  const { output, dimensions, onProgress } = job;
  await assertWritable(output);
  const list = await readWords(job.words, job.maxWords);
  const { texts, arePrompts } = await readTexts(job.texts);
  const encoder = await SentenceEncoder.open(job.dir, job);
  const width = encoder.dimensions;
  const encode = (what: readonly string[], stage: string) =>
    encodeTexts(encoder, what, job.embeddings, (done) => onProgress?.(stage, done));
  let ofWords, ofTexts;
  try {
    if (dimensions > width)
      throw invalid(`${dimensions} dimensions: the encoder's vectors have ${width}; ask for as many at most`);
    ofWords = await encode(list.words, "encode words");
    ofTexts = await encode(texts, "encode texts");
  } finally {
    await encoder.close();
  }
  const distilled = distilWordVectors(
    { list, texts, arePrompts, width, textVectors: ofTexts.vectors, wordVectors: ofWords.vectors },
    job,
  );
  const bytes = distilled.words.encode();
  await replaceFile(output, bytes);
  return {
    ...distilled,
    words: list.words.length,
    leftOut: list.leftOut,
    dimensions,
    texts: texts.length,
    prompts: arePrompts.filter(Boolean).length,
    encoded: ofWords.encoded + ofTexts.encoded,
    cached: ofWords.cached + ofTexts.cached,
    bytes: bytes.length,
  };
}

async function readWords(path: string, maxWords: number): Promise<WordList> {
  const lines: string[] = [];
  for await (const { text } of readLines(path, "words")) {
    lines.push(text);
    if (lines.length === maxWords) break;
  }
  try {
    return readWordList(lines, maxWords);
  } catch (error) {
    if (!(error instanceof RouterError)) throw error;
    throw new RouterError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/** Texts as a router reads them, so that their words are those it will see. */
async function readTexts(paths: readonly string[]): Promise<Texts> {
  const read: Texts = { texts: [], arePrompts: [] };
  for (const path of paths) {
    if (!/\.jsonl(\.gz)?$/.test(path)) throw invalid(`${path}: neither .jsonl nor .jsonl.gz`);
    for await (const { text: json, line } of readLines(path, "texts")) {
      const { text, prompt = false } = parseText(json, `${path}:${line}`);
      read.texts.push(classifiedText(text));
      read.arePrompts.push(prompt);
    }
  }
  return read;
}

function parseText(line: string, place: string): z.infer<typeof textSchema> {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw invalid(`${place}: not JSON (${(cause as Error).message})`, cause);
  }
  const parsed = textSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "the line"}: ${message}`,
  );
  throw invalid(`${place}: ${problems.join("; ")}`);
}

/** Fails before hours of encoding, not after them. */
async function assertWritable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw invalid(`${path}: is a folder, not a file`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.part`, "");
    await rm(`${path}.part`);
  } catch (cause) {
    throw invalid(`${path}: cannot be written (${(cause as Error).message})`, cause);
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);
}

function invalid(message: string, cause?: unknown): RouterError {
  return new RouterError("training_data_invalid", message, { cause });
}
