import { accessSync, constants, realpathSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { CommandFailure } from "../command-failure.js";

/**
 * Checks that a file can be written to `path`, before anything is done for it.
 * @throws CommandFailure with exit code 2.
 */
export function assertPlace(path: string): void {
  if (path === "") throw new CommandFailure("--output names no file", 2);
  const folder = dirname(path);
  const stats = statsOf(folder);
  if (stats === undefined) throw new CommandFailure(`${folder}: there is no such folder`, 2);
  if (!stats.isDirectory()) throw new CommandFailure(`${folder}: is no folder`, 2);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new CommandFailure(`${folder}: nothing can be written there`, 2);
  }
  if (statsOf(path)?.isFile() === false) throw new CommandFailure(`${path}: is no file`, 2);
  // Names that are made of it are longer.
  statsOf(`${path}${longestEnding}`);
}

/** As long as the longest of what is put behind the name of an output. */
const longestEnding = ".errors.jsonl.lock.".padEnd(55, "x");

/** Undefined where there is nothing. @throws CommandFailure where there can be nothing: the name is too long, for example. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new CommandFailure(`${path}: nothing can be written there (${(error as Error).message})`, 2);
  }
}

/** Where the lines go that failed. */
export function errorsPathOf(output: string): string {
  return `${output.replace(/\.jsonl$/, "")}.errors.jsonl`;
}

/**
 * Checks that a run may write its output.
 * @throws CommandFailure with exit code 2: it is the input, or holds something and is not to be written over.
 */
export function assertOutput(output: string, input: string, overwrite: boolean): void {
  for (const path of [output, errorsPathOf(output)]) {
    if (!exists(path)) continue;
    if (exists(input) && realpathSync(path) === realpathSync(input))
      throw new CommandFailure(`${path} is the input; name another file for the output`, 2);
    if (!overwrite)
      throw new CommandFailure(
        `${path} is there already; name another file, or write over it with --overwrite`,
        2,
      );
  }
}

function exists(path: string): boolean {
  return statsOf(path) !== undefined;
}
