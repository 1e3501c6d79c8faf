import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { pipeline } from "node:stream/promises";
import { createInterface } from "node:readline";

/** Writes `body` to `path`, which is there whole or not at all. Answers its bytes. */
export async function saveOutput(body: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const temporary = `${path}.part`;
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      bytes += piece.length;
      yield piece;
    }
  };
  await pipeline(counted, createWriteStream(temporary));
  renameSync(temporary, path);
  return bytes;
}

/** Puts the lines of `path` into the order of `customIds`; memory holds where each line is, not the lines. */
export async function orderOutput(path: string, customIds: readonly string[]): Promise<void> {
  const places = new Map<string, { offset: number; length: number }>();
  let offset = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const length = Buffer.byteLength(line) + 1;
    const { custom_id: customId } = JSON.parse(line) as { custom_id: string };
    places.set(customId, { offset, length });
    offset += length;
  }
  const temporary = `${path}.part`;
  const [from, to] = [openSync(path, "r"), openSync(temporary, "w")];
  try {
    for (const customId of customIds) {
      const place = places.get(customId);
      if (place === undefined) continue;
      const line = Buffer.alloc(place.length);
      readSync(from, line, 0, place.length, place.offset);
      writeSync(to, line);
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
  renameSync(temporary, path);
  rmSync(temporary, { force: true });
}
