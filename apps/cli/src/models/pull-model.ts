import { rename } from "node:fs/promises";
import { join } from "node:path";
import { CommandFailure } from "../command-failure.js";
import { downloadFile, isGood } from "./download-file.js";
import { encoderFiles } from "./encoder-files.js";
import type { ModelHub } from "./model-hub.js";
import type { RemoteFile } from "./remote-file.js";

export interface Pull {
  readonly hub: ModelHub;
  /** `owner/name`, or `name` alone. */
  readonly repo: string;
  readonly revision: string;
  /** Folder that becomes the encoder. */
  readonly output: string;
  /** The model to take instead of the preferred one. */
  readonly file?: string | undefined;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly pauseMs?: number;
}

export interface PullProgress {
  readonly path: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface PulledModel {
  readonly files: readonly RemoteFile[];
  /** Paths of the files that had to be fetched. */
  readonly fetched: readonly string[];
}

/**
 * Fetches an encoder. Files that are there and good stay; the others come to their place only once all of them are
 * complete and checked, so that a folder never mixes two versions because a transfer failed.
 * @throws CommandFailure saying what is in the way; what was fetched so far is kept for the next pull.
 */
export async function pullModel(pull: Pull): Promise<PulledModel> {
  assertRepo(pull.repo);
  const files = encoderFiles(pull.repo, await pull.hub.list(pull.repo, pull.revision), pull.file);
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const missing: RemoteFile[] = [];
  let done = 0;
  for (const file of files) {
    if (await isGood(join(pull.output, file.path), file)) done += file.bytes;
    else missing.push(file);
  }
  for (const file of missing) {
    const report = (bytes: number) => pull.onProgress?.({ path: file.path, bytes: done + bytes, totalBytes });
    report(0);
    await downloadFile(file, partOf(pull.output, file), { ...pull, onProgress: report });
    done += file.bytes;
    report(0);
  }
  for (const file of missing) await rename(partOf(pull.output, file), join(pull.output, file.path));
  return { files, fetched: missing.map(({ path }) => path) };
}

/** Its name holds the digest: what is left of one version is never continued with another. */
function partOf(output: string, { path, digest }: RemoteFile): string {
  return join(output, `${path}.${digest.hex.slice(0, 12)}.part`);
}

function assertRepo(repo: string): void {
  if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(repo)) return;
  throw new CommandFailure(
    `'${repo}' is no name of a repository; one looks like sentence-transformers/all-MiniLM-L6-v2`,
  );
}
