import { randomBytes } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { CommandFailure } from "../command-failure.js";
import { byteLines } from "../commands/json-lines.js";

/** Longest line of an output: far above what an answer may have. */
const maxOutputLineBytes = 256 * 1_048_576;

/**
 * Writes `body` to `path`, which is there whole or not at all.
 * @throws CommandFailure where the file cannot be written; what `body` throws.
 */
export async function saveOutput(body: AsyncIterable<Uint8Array | string>, path: string): Promise<void> {
  const temporary = temporaryFor(path);
  let failure: Error | undefined;
  const watched = async function* (): AsyncGenerator<Uint8Array | string> {
    try {
      yield* body;
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  };
  try {
    // Opened before anything can fail: a stream that is still opening would make the file behind its removal.
    const file = await open(temporary, "wx");
    await pipeline(watched, file.createWriteStream());
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw failure ?? notWritten(path, error);
  }
}

/**
 * Puts the lines of `path` into the order of `customIds`, and others behind them; memory holds where each line is, not the lines.
 * @throws CommandFailure where the file cannot be read or written, or holds no lines of an output; it is then as it was.
 */
export async function orderOutput(path: string, customIds: readonly string[]): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    const places = await placesOf(path);
    copyLines(path, temporary, [...customIds, ...places.keys()], places);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new CommandFailure(`${path} cannot be put in order: ${(error as Error).message}`);
  }
}

interface Place {
  readonly offset: number;
  /** Without the line's end. */
  readonly length: number;
}

async function placesOf(path: string): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let offset = 0;
  for await (const line of byteLines(createReadStream(path), maxOutputLineBytes)) {
    const { custom_id: customId } = JSON.parse(Buffer.from(line).toString()) as { custom_id: string };
    places.set(customId, { offset, length: line.length });
    offset += line.length + 1;
  }
  return places;
}

/** Each line once, where it is named first. */
function copyLines(path: string, target: string, ids: readonly string[], places: Map<string, Place>): void {
  const from = openSync(path, "r");
  const to = openSync(target, "wx");
  try {
    for (const id of ids) {
      const place = places.get(id);
      if (place === undefined) continue;
      places.delete(id);
      const line = Buffer.alloc(place.length + 1, "\n");
      readSync(from, line, 0, place.length, place.offset);
      writeFileSync(to, line);
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

/** A file of nobody else's, beside the one that it becomes. */
export function temporaryFor(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}.part`;
}

/** Says which file could not be written, and why. */
export function notWritten(path: string, error: unknown): CommandFailure {
  return new CommandFailure(`${path} cannot be written: ${(error as Error).message}`);
}
