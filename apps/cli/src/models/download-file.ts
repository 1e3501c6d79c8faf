import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandFailure } from "../command-failure.js";
import { HubConnectionError, reasonOf, type ModelHub } from "./model-hub.js";
import type { RemoteFile } from "./remote-file.js";

/** Attempts in a row that bring not one byte, after which a download is given up. */
const maxFruitlessAttempts = 4;

export interface Download {
  readonly hub: ModelHub;
  readonly repo: string;
  readonly revision: string;
  /** Called with the bytes of the file that are there. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Waits before another attempt; tests do not. */
  readonly pauseMs?: number | undefined;
}

/**
 * Has the whole of `file` at `part`, checked. What lies there from an earlier attempt is continued; content with another
 * digest is removed and fetched once more from the start.
 * @throws CommandFailure when the hub does not give it, breaks off again and again, or gives something else.
 */
export async function downloadFile(file: RemoteFile, part: string, download: Download): Promise<void> {
  await mkdir(dirname(part), { recursive: true });
  for (let round = 0; ; round++) {
    await fetchRest(file, part, download);
    const actual = await digestOf(part, file);
    if (actual === file.digest.hex) return;
    await rm(part, { force: true });
    if (round > 0) {
      throw new CommandFailure(
        `${file.path} of ${download.repo} is not what the hub lists: its ${file.digest.kind} hash is ${actual}, not ${file.digest.hex}`,
      );
    }
  }
}

/** Whether `path` holds exactly what `file` describes. */
export async function isGood(path: string, file: RemoteFile): Promise<boolean> {
  return (await sizeOf(path)) === file.bytes && (await digestOf(path, file)) === file.digest.hex;
}

async function fetchRest(file: RemoteFile, part: string, download: Download): Promise<void> {
  const { pauseMs = 1_000 } = download;
  for (let fruitless = 0; ;) {
    const before = await sizeOf(part);
    if (before > file.bytes) await rm(part);
    else if (before === file.bytes && (before > 0 || (await exists(part)))) return;
    try {
      await fetchOnce(file, part, download);
    } catch (error) {
      if (!(error instanceof HubConnectionError)) throw error;
      fruitless = (await sizeOf(part)) > before ? 0 : fruitless + 1;
      if (fruitless >= maxFruitlessAttempts) {
        const there = await sizeOf(part);
        const resumed =
          there > 0 ? `; ${there} of ${file.bytes} bytes are kept, and the next pull goes on there` : "";
        throw new CommandFailure(`${file.path}: ${error.message}${resumed}`);
      }
      await sleep(pauseMs * 2 ** fruitless);
    }
  }
}

/** One request; appends what it brings. @throws HubConnectionError when less came than should. */
async function fetchOnce(file: RemoteFile, part: string, download: Download): Promise<void> {
  const from = await sizeOf(part);
  const answer = await download.hub.open(download.repo, download.revision, file.path, from);
  const begin = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1];
  const continues = answer.status === 206 && Number(begin) === from;
  if (answer.status === 416 || (answer.status === 206 && !continues)) {
    await answer.body?.cancel();
    await rm(part, { force: true });
    throw new HubConnectionError("the hub does not continue at the byte asked for");
  }
  const target = await open(part, continues ? "a" : "w");
  let there = continues ? from : 0;
  try {
    for await (const piece of answer.body ?? []) {
      if (there + piece.length > file.bytes) {
        throw new CommandFailure(`${file.path}: the hub sends more than the ${file.bytes} bytes it lists`);
      }
      await target.writeFile(piece);
      there += piece.length;
      download.onProgress?.(there);
    }
  } catch (error) {
    if (error instanceof CommandFailure || isFileError(error)) throw error;
    throw new HubConnectionError(`the connection broke: ${reasonOf(error)}`);
  } finally {
    await target.close();
  }
  if (there < file.bytes)
    throw new HubConnectionError(`the transfer ended after ${there} of ${file.bytes} bytes`);
}

/** A full disk is not cured by another attempt. */
function isFileError(error: unknown): boolean {
  return (
    error instanceof Error &&
    ["write", "open", "close"].includes((error as NodeJS.ErrnoException).syscall ?? "")
  );
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (of) => of.size,
    () => 0,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (of) => of.isFile(),
    () => false,
  );
}

async function digestOf(path: string, { digest, bytes }: RemoteFile): Promise<string> {
  const hash = createHash(digest.kind === "sha256" ? "sha256" : "sha1");
  // Git hashes a file behind a header (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
  if (digest.kind === "git") hash.update(`blob ${bytes}\0`);
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}
