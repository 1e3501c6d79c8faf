import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { CommandFailure } from "../command-failure.js";
import { notWritten, temporaryFor } from "./save-output.js";

/** What a run has come to; beside the output, so that the same command finds it again. */
const stateSchema = z.strictObject({
  /** Names the run among the batches of the ingress. */
  run: z.string(),
  url: z.string(),
  sha256: z.string(),
  endpoint: z.string(),
  batch_id: z.string().optional(),
  /** The run was told to write over what is there, or what is there may be its own: it has begun to write. */
  may_overwrite: z.boolean().optional(),
});
export type RunState = z.infer<typeof stateSchema>;

/** Where the state of the run that writes `output` is. */
export function statePath(output: string): string {
  return `${output}.run`;
}

/** Undefined where there is none. @throws CommandFailure where it cannot be understood: a batch may be running by it. */
export function readRunState(output: string): RunState | undefined {
  const path = statePath(output);
  if (!existsSync(path)) return undefined;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new CommandFailure(
      `${path} is no state of a run; remove it to begin anew ('expert-router batch list' shows what runs)`,
      2,
    );
  }
}

export function writeRunState(output: string, state: RunState): void {
  const temporary = temporaryFor(statePath(output));
  try {
    writeFileSync(temporary, `${JSON.stringify(state)}\n`, { flag: "wx" });
    renameSync(temporary, statePath(output));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw notWritten(statePath(output), error);
  }
}

export function removeRunState(output: string): void {
  rmSync(statePath(output), { force: true });
}
