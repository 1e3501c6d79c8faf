/** One process at a time for a folder, with nothing but files: Node has no flock(2). */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { identifyProcess, isLiving, type ProcessIdentity } from "./living-process.js";

/** Another living process holds this folder. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
  readonly ownerPid: number;

  constructor(folder: string, ownerPid: number) {
    super(`process ${ownerPid} uses ${folder} already`);
    this.ownerPid = ownerPid;
  }
}

export interface FolderLock {
  /** Gives the folder back; doing it twice does nothing. A process that ends without it gives it back by that. */
  release(): void;
}

/**
 * Takes `folder` for this process. Lock files are numbered and the highest number counts, because removing a stale lock
 * would race: who read it too early would remove its successor. Instead a stale lock n is followed by n + 1, which
 * exactly one process can make.
 * @param name What it is held for; locks of different names do not exclude each other.
 * @throws FolderInUseError while a living process holds it, this one included.
 */
export function lockFolder(folder: string, name: string): FolderLock {
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const highest = numbersOf(folder, name).at(-1) ?? 0;
    const holder = highest === 0 ? undefined : readHolder(pathOf(folder, name, highest));
    if (holder !== undefined && isLiving(holder)) throw new FolderInUseError(folder, holder.pid);
    const mine = highest + 1;
    if (!create(pathOf(folder, name, mine))) continue;
    const numbers = numbersOf(folder, name);
    // A listing can miss a file that is made while another one is removed; a second one cannot miss it again.
    if (numbers.at(-1) === mine) {
      for (const old of numbers.filter((number) => number < mine))
        rmSync(pathOf(folder, name, old), { force: true });
      return { release: onlyOnce(() => markReleased(pathOf(folder, name, mine))) };
    }
    rmSync(pathOf(folder, name, mine), { force: true });
  }
}

function pathOf(folder: string, name: string, number: number): string {
  return join(folder, `${name}.lock.${number}`);
}

/** Ascending. */
function numbersOf(folder: string, name: string): number[] {
  const prefix = `${name}.lock.`;
  return readdirSync(folder)
    .filter((file) => file.startsWith(prefix) && /^[1-9]\d*$/.test(file.slice(prefix.length)))
    .map((file) => Number(file.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

/** Makes the lock with its content in one step, so that nobody reads half of it. Whether this process was the first. */
function create(path: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(identifyProcess(process.pid)), { flag: "wx" });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The file stays: without its number the count would begin anew under those who have read it. */
function markReleased(path: string): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    writeFileSync(draft, "released", { flag: "wx" });
    renameSync(draft, path);
  } catch (error) {
    // The folder was removed, and the lock with it.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function onlyOnce(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** Undefined where the lock was given back, or is gone because a later one replaced it. */
function readHolder(path: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    return Number.isInteger(pid) && Number(pid) > 0
      ? { pid: Number(pid), startedAt: String(startedAt) }
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
