import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Whether the files of one folder have become other ones. A change is told once it has stood still from one look to the
 * next, so that a folder in the middle of being copied is not taken for a broken artifact.
 */
export class ArtifactWatch {
  private seen: string | undefined;
  private last: string | undefined;

  constructor(private readonly folder: string) {}

  /** What is there now counts as known. */
  async start(): Promise<void> {
    this.seen = this.last = await fingerprint(this.folder);
  }

  /** True once for every change; a folder that is away, as while it is being replaced, is none. */
  async hasChanged(): Promise<boolean> {
    const now = await fingerprint(this.folder);
    const settled = now === this.last;
    this.last = now;
    if (!settled || now === undefined || now === this.seen) return false;
    this.seen = now;
    return true;
  }
}

/** Names, sizes, times and inodes of the files, those in subfolders too; undefined if there is no such folder. */
async function fingerprint(folder: string): Promise<string | undefined> {
  try {
    const names = (await readdir(folder, { recursive: true })).toSorted();
    const lines = names.map(async (name) => {
      const { size, mtimeMs, ino } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    });
    return (await Promise.all(lines)).join("\n");
  } catch {
    return undefined;
  }
}
