import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** What a run has come to; beside the output, so that the same command finds it again. */
const stateSchema = z.strictObject({
  /** Names the run among the batches of the ingress. */
  run: z.string(),
  url: z.string(),
  sha256: z.string(),
  endpoint: z.string(),
  batch_id: z.string().optional(),
});
export type RunState = z.infer<typeof stateSchema>;

/** Where the state of the run that writes `output` is. */
export function statePath(output: string): string {
  return `${output}.run`;
}

/** Undefined where there is none, or none that can be understood. */
export function readRunState(output: string): RunState | undefined {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(statePath(output), "utf8")));
  } catch {
    return undefined;
  }
}

export function writeRunState(output: string, state: RunState): void {
  const temporary = `${statePath(output)}.new`;
  writeFileSync(temporary, `${JSON.stringify(state)}\n`);
  renameSync(temporary, statePath(output));
}

export function removeRunState(output: string): void {
  rmSync(statePath(output), { force: true });
}
