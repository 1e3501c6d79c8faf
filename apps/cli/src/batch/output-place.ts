import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { CommandFailure } from "../command-failure.js";

/**
 * Checks that a file can be written to `path`, before anything is done for it.
 * @throws CommandFailure with exit code 2.
 */
export function assertPlace(path: string): void {
  const folder = dirname(path);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) throw new CommandFailure(`${folder}: there is no such folder`, 2);
  if (!stats.isDirectory()) throw new CommandFailure(`${folder}: is no folder`, 2);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new CommandFailure(`${folder}: nothing can be written there`, 2);
  }
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
    throw new CommandFailure(`${path}: is no file`, 2);
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
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
