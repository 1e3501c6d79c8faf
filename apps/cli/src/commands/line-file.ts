/** Lines of a text file, streamed; one whose name ends with `.gz` is decompressed on the way. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { RouterError } from "@expert-router/classifier";
import { LineError, maxLineBytes, splitLines } from "./json-lines.js";

/** More lines than fit the memory of a training run; beyond, a sample serves as well. */
const maxLines = 2_000_000;

/** A line that is not blank, and its number, from 1. */
export interface TextLine {
  readonly text: string;
  readonly line: number;
}

/**
 * Reads the lines of `path` one by one. Blank ones are skipped.
 * @param what its lines are, for messages: "prompts".
 * @param longest bytes of a line at most.
 * @throws RouterError `training_data_invalid`, naming file and line.
 */
export async function* readLines(
  path: string,
  what: string,
  longest = maxLineBytes,
): AsyncGenerator<TextLine> {
  await assertReadable(path);
  let failure: Error | undefined;
  const file = createReadStream(path);
  const onEnd = (error: Error | null): void => void (failure ??= error ?? undefined);
  const bytes = path.endsWith(".gz") ? pipeline(file, createGunzip(), onEnd) : file.on("error", onEnd);
  let line = 0;
  let found = 0;
  try {
    for await (const text of splitLines(bytes, longest)) {
      line++;
      if (text.trim() === "") continue;
      if (++found > maxLines) throw invalid(`${path}:${line}: more than ${maxLines} ${what}`);
      yield { text, line };
    }
  } catch (error) {
    failure ??= error as Error;
  } finally {
    file.destroy();
  }
  if (failure !== undefined) throw explained(failure, path, line);
  if (found === 0) throw invalid(`${path}: holds no ${what}`);
}

/** Says what a path is that is no file; gives the one mistaken for plain text away by its first bytes. */
async function assertReadable(path: string): Promise<void> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw invalid(
      cause.code === "ENOENT"
        ? `${path}: there is no such file`
        : `${path}: cannot be read (${cause.message})`,
      cause,
    );
  });
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw invalid(`${path}: is a folder, not a file`);
    if (!stats.isFile()) return;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const packed = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    if (packed && !path.endsWith(".gz")) throw invalid(`${path}: is gzip data; name it ${path}.gz`);
    if (bytesRead > 0 && !packed && path.endsWith(".gz")) throw invalid(`${path}: is not gzip data`);
  } finally {
    await file.close();
  }
}

function explained(failure: Error, path: string, lines: number): RouterError {
  if (failure instanceof RouterError) return failure;
  if (failure instanceof LineError) return invalid(`${path}:${failure.line}: ${failure.message}`, failure);
  const where = lines === 0 ? "" : ` after line ${lines}`;
  const what =
    "code" in failure && String(failure.code).startsWith("Z_") ? "damaged gzip data" : "cannot be read";
  return invalid(`${path}: ${what}${where} (${failure.message})`, failure);
}

function invalid(message: string, cause?: unknown): RouterError {
  return new RouterError("training_data_invalid", message, { cause });
}
