import { randomUUID } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Batch } from "@expert-router/contracts";
import { CommandFailure } from "../command-failure.js";
import { RefusedError, UnreachableError, type IngressAddress } from "../submit/ingress-client.js";
import { createBatch, hasEnded, listBatches, readBatch, readOutput, uploadFile } from "./batch-client.js";
import { prepareInput, type InputFormat, type PreparedInput, type RequestOptions } from "./batch-input.js";
import { readRunState, removeRunState, statePath, writeRunState, type RunState } from "./run-state.js";
import { orderOutput, saveOutput } from "./save-output.js";

/** What `batch run` is asked for. */
export interface BatchRunOptions extends RequestOptions {
  readonly ingress: IngressAddress;
  readonly input: string;
  readonly format: InputFormat;
  readonly output: string;
  /** The output in the order of the input. */
  readonly ordered: boolean;
  /** Hears what happens. */
  readonly say: (line: string) => void;
  readonly onProgress: (batch: Batch) => void;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** Key of a batch's metadata by which a run finds its own. */
const runKey = "expert_router_run";
const pollMs = 1_000;
/** Longest time that the ingress may be away. */
const awayMs = 600_000;
const batchesLookedThrough = 100;

/** The ended batch, and where the lines are that failed. */
export interface BatchRunResult {
  readonly batch: Batch;
  readonly errorsPath: string | undefined;
}

/** Runs a file as a batch, or goes on with the one that the same command began. @throws CommandFailure */
export async function runBatch(options: BatchRunOptions): Promise<BatchRunResult> {
  const prepared = `${options.output}.input.jsonl`;
  let input: PreparedInput;
  let batch: Batch;
  try {
    input = await prepareInput(options.input, options.format, prepared, options);
    batch = (await begunBefore(input, options)) ?? (await begin(input, prepared, options));
  } finally {
    rmSync(prepared, { force: true });
  }
  batch = await awaitEnd(batch, options);
  const result = await save(batch, input, options);
  removeRunState(options.output);
  return result;
}

/** The batch of an earlier run of the same command that was cut off. */
async function begunBefore(input: PreparedInput, options: BatchRunOptions): Promise<Batch | undefined> {
  const state = readRunState(options.output);
  if (state === undefined) return undefined;
  if (
    state.sha256 !== input.sha256 ||
    state.endpoint !== options.endpoint ||
    state.url !== options.ingress.url
  ) {
    throw new CommandFailure(
      `${statePath(options.output)} belongs to a run with other input or options; finish that one, or remove the file`,
      2,
    );
  }
  const batch =
    state.batch_id === undefined ? await findRun(state, options) : await readIfThere(state.batch_id, options);
  if (batch !== undefined) options.say(`goes on with ${batch.id}`);
  return batch;
}

async function begin(input: PreparedInput, prepared: string, options: BatchRunOptions): Promise<Batch> {
  const { ingress, endpoint, output } = options;
  const state: RunState = { run: randomUUID(), url: ingress.url, sha256: input.sha256, endpoint };
  // Before the batch: should the answer be lost, the next run looks for it by this.
  writeRunState(output, state);
  options.say(`uploads ${input.lines} requests (${(statSync(prepared).size / 1_048_576).toFixed(1)} MB)`);
  const file = await uploadFile(ingress, prepared);
  const batch = await createBatch(ingress, {
    input_file_id: file.id,
    endpoint,
    completion_window: "24h",
    metadata: { [runKey]: state.run },
  });
  writeRunState(output, { ...state, batch_id: batch.id });
  options.say(`runs as ${batch.id}`);
  return batch;
}

async function findRun({ run }: RunState, { ingress }: BatchRunOptions): Promise<Batch | undefined> {
  const { data } = await listBatches(ingress, batchesLookedThrough);
  return data.find((batch) => batch.metadata?.[runKey] === run);
}

async function readIfThere(id: string, { ingress, say }: BatchRunOptions): Promise<Batch | undefined> {
  try {
    return await readBatch(ingress, id);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 404) throw error;
    say(`${id} is gone; begins anew`);
    return undefined;
  }
}

async function awaitEnd(begun: Batch, options: BatchRunOptions): Promise<Batch> {
  let batch = begun;
  let awaySinceMs: number | undefined;
  for (;;) {
    options.onProgress(batch);
    if (hasEnded(batch)) return batch;
    await sleep(options.pollMs ?? pollMs, undefined, { signal: options.signal });
    try {
      batch = await readBatch(options.ingress, batch.id);
      awaySinceMs = undefined;
    } catch (error) {
      if (!mayPass(error)) throw error;
      awaySinceMs ??= Date.now();
      if (Date.now() - awaySinceMs > awayMs) throw error;
    }
  }
}

/** An ingress that restarts answers nothing for a while, or 503. */
function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof RefusedError && error.status >= 500);
}

async function save(batch: Batch, input: PreparedInput, options: BatchRunOptions): Promise<BatchRunResult> {
  const { ingress, output, ordered } = options;
  if (batch.status === "failed") return { batch, errorsPath: undefined };
  await saveOutput(await readOutput(ingress, batch.id, "output"), output);
  if (ordered) await orderOutput(output, input.customIds);
  if (batch.error_file_id === null) return { batch, errorsPath: undefined };
  const errorsPath = `${output.replace(/\.jsonl$/, "")}.errors.jsonl`;
  await saveOutput(await readOutput(ingress, batch.id, "errors"), errorsPath);
  return { batch, errorsPath };
}
