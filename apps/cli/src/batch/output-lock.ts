import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { CommandFailure } from "../command-failure.js";
import { notWritten } from "./save-output.js";

/** Locks of this process. */
const held = new Set<string>();
/** A lock without content is being written, unless it is older. */
const writingMs = 5_000;

/**
 * Holds `output` for this run, until the answer is called: no second one writes to it. The lock of a process that has died is taken away.
 * @throws CommandFailure with exit code 2 while another run holds it.
 */
export function lockOutput(output: string): () => void {
  const path = resolve(`${output}.lock`);
  if (held.has(path)) throw taken(path, `process ${process.pid}`);
  for (;;) {
    try {
      writeFileSync(path, ownName(), { flag: "wx" });
      break;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw notWritten(path, error);
    }
    removeStale(path);
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
}

function ownName(): string {
  return `${process.pid} ${hostname()}`;
}

/** Removes a lock whose process is no more. @throws CommandFailure where it may be there. */
function removeStale(path: string): void {
  const holder = read(path);
  if (holder === undefined) return;
  if (!isDead(holder, path))
    throw taken(path, holder === "" ? "it" : `process ${holder.replace(" ", " on ")}`);
  // Another process may do the same, and hold it already: then it gets it back.
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw notWritten(path, error);
  }
  if (read(aside) === holder) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw notWritten(path, error);
  }
}

function isDead(holder: string, path: string): boolean {
  if (holder === "") {
    const written = statSync(path, { throwIfNoEntry: false });
    return written !== undefined && Date.now() - written.mtimeMs > writingMs;
  }
  // In a container that was started anew the process before had the same number.
  if (holder === ownName()) return true;
  const [, pid, host] = /^(\d+) (.+)$/.exec(holder) ?? [];
  if (pid === undefined || host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return hasCode(error, "ESRCH");
  }
}

function taken(path: string, holder: string): CommandFailure {
  return new CommandFailure(
    `another run writes there (${holder} holds ${path}); wait for it, name another output, or remove that file if it runs no more`,
    2,
  );
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
