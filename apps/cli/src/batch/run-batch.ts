import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { maxFileBytes, type Batch, type FileObject } from "@expert-router/contracts";
import { CommandFailure } from "../command-failure.js";
import { mayPass, RefusedError, type IngressAddress } from "../submit/ingress-client.js";
import { createBatch, hasEnded, listBatches, readBatch, readOutput, uploadFile } from "./batch-client.js";
import { prepareInput, type InputFormat, type PreparedInput, type RequestOptions } from "./batch-input.js";
import { lockOutput } from "./output-lock.js";
import { assertOutput, assertPlace, errorsPathOf } from "./output-place.js";
import { patiently, type Patience } from "./patience.js";
import { readRunState, removeRunState, statePath, writeRunState, type RunState } from "./run-state.js";
import { notWritten, orderOutput, saveOutput } from "./save-output.js";

/** What `batch run` is asked for. */
export interface BatchRunOptions extends RequestOptions {
  readonly ingress: IngressAddress;
  readonly input: string;
  readonly format: InputFormat;
  readonly output: string;
  /** The output in the order of the input. */
  readonly ordered: boolean;
  /** Whether files that are there may be written over. Those of a run that goes on may be. */
  readonly overwrite: boolean;
  /** Hears what happens. */
  readonly say: (line: string) => void;
  readonly onProgress: (batch: Batch) => void;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** Key of a batch's metadata by which a run finds its own. */
const runKey = "expert_router_run";
const pollMs = 1_000;
const batchesOfPage = 100;

/** The ended batch, and where the lines are that failed. */
export interface BatchRunResult {
  readonly batch: Batch;
  readonly errorsPath: string | undefined;
}

/**
 * Runs a file as a batch, or goes on with the one that the same command began.
 * @throws CommandFailure; an AbortError after `signal`.
 */
export async function runBatch(options: BatchRunOptions): Promise<BatchRunResult> {
  assertPlace(options.output);
  const locks: (() => void)[] = [];
  try {
    for (const path of [options.output, errorsPathOf(options.output)]) locks.push(lockOutput(path));
    return await runLocked(options);
  } finally {
    for (const unlock of locks) unlock();
  }
}

async function runLocked(options: BatchRunOptions): Promise<BatchRunResult> {
  const { output } = options;
  const state = readRunState(output);
  const mayOverwrite = options.overwrite || state?.may_overwrite === true;
  assertOutput(output, options.input, mayOverwrite);
  const scratch = makeScratch();
  let input: PreparedInput;
  let batch: Batch;
  try {
    const prepared = join(scratch, "requests.jsonl");
    input = await prepareInput(options.input, options.format, prepared, options);
    options.signal.throwIfAborted();
    batch =
      (state && (await begunBefore(state, input, options))) ?? (await begin(input, prepared, options, state));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  batch = await awaitEnd(batch, options);
  // Somebody may have put files there meanwhile.
  assertOutput(output, options.input, mayOverwrite);
  writeRunState(output, { ...readRunState(output)!, may_overwrite: true });
  const result = await save(batch, input, options);
  removeRunState(output);
  return result;
}

function makeScratch(): string {
  try {
    return mkdtempSync(join(tmpdir(), "expert-router-"));
  } catch (error) {
    throw notWritten(tmpdir(), error);
  }
}

/** The batch of an earlier run of the same command that was cut off. */
async function begunBefore(
  state: RunState,
  input: PreparedInput,
  options: BatchRunOptions,
): Promise<Batch | undefined> {
  const path = statePath(options.output);
  if (!isSameUrl(state.url, options.ingress.url))
    throw new CommandFailure(
      `${path} is of a run at ${state.url}; go on with it by --url ${state.url}, or remove the file to begin anew`,
      2,
    );
  const batch =
    state.batch_id === undefined ? await findRun(state, options) : await readIfThere(state.batch_id, options);
  if (batch === undefined) return undefined;
  if (!isOf(state, input, options))
    throw new CommandFailure(
      [
        `${path} is of ${batch.id}, which was begun with other input or options and is ${batch.status}.`,
        `  Its answers: expert-router batch download ${batch.id} -o FILE`,
        ...(hasEnded(batch) ? [] : [`  To end it: expert-router batch cancel ${batch.id}`]),
        `  To begin anew: remove ${path}`,
      ].join("\n"),
      2,
    );
  if (state.batch_id === undefined) writeRunState(options.output, { ...state, batch_id: batch.id });
  options.say(`goes on with ${batch.id}`);
  return batch;
}

function isSameUrl(one: string, other: string): boolean {
  return URL.canParse(one) && new URL(one).href === new URL(other).href;
}

function isOf(state: RunState, input: PreparedInput, { endpoint }: BatchRunOptions): boolean {
  return state.sha256 === input.sha256 && state.endpoint === endpoint;
}

/** `before`: of a run that may have uploaded the same file. */
async function begin(
  input: PreparedInput,
  prepared: string,
  options: BatchRunOptions,
  before: RunState | undefined,
): Promise<Batch> {
  const { ingress, endpoint, output } = options;
  const { size } = statSync(prepared);
  if (size > maxFileBytes)
    throw new CommandFailure(
      `${options.input}: ${megabytes(size)} of requests, more than the ${megabytes(maxFileBytes)} of a batch; split the file`,
      2,
    );
  options.say(`uploads ${input.lines} ${input.lines === 1 ? "request" : "requests"} (${megabytes(size)})`);
  const uploaded = before !== undefined && before.batch_id === undefined && isOf(before, input, options);
  const run = uploaded ? before.run : randomUUID();
  const { overwrite } = options;
  const state: RunState = {
    run,
    url: ingress.url,
    sha256: input.sha256,
    endpoint,
    ...(overwrite && { may_overwrite: true }),
  };
  // Before anything is there: should it be broken off, the next run finds file and batch by this.
  writeRunState(output, state);
  const file = await upload(prepared, run, options);
  try {
    const batch = await createBatch(ingress, {
      input_file_id: file.id,
      endpoint,
      completion_window: "24h",
      metadata: { [runKey]: state.run },
    });
    writeRunState(output, { ...state, batch_id: batch.id });
    options.say(`runs as ${batch.id}`);
    return batch;
  } catch (error) {
    if (error instanceof RefusedError && !mayPass(error)) removeRunState(output);
    throw error;
  }
}

/** Unless it was broken off, what fails leaves nothing to go on with. */
async function upload(path: string, key: string, options: BatchRunOptions): Promise<FileObject> {
  try {
    return await uploadFile(options.ingress, { path, name: uploadName(options.input), key });
  } catch (error) {
    if (!options.signal.aborted) removeRunState(options.output);
    throw error;
  }
}

/** What the ingress calls the file, which is made of `input`. */
function uploadName(input: string): string {
  return `${basename(input)
    .replace(/(\.\w{1,6})?(\.gz)?$/i, "")
    .slice(0, 100)}.jsonl`;
}

function megabytes(bytes: number): string {
  if (bytes < 1_048_576 / 10) return `${Math.ceil(bytes / 1_024)} KB`;
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}

async function findRun({ run }: RunState, { ingress }: BatchRunOptions): Promise<Batch | undefined> {
  let after: string | undefined;
  for (;;) {
    const page = await listBatches(ingress, batchesOfPage, after);
    const found = page.data.find((batch) => batch.metadata?.[runKey] === run);
    if (found !== undefined || !page.has_more) return found;
    after = page.last_id ?? undefined;
  }
}

async function readIfThere(id: string, { ingress, say }: BatchRunOptions): Promise<Batch | undefined> {
  try {
    return await readBatch(ingress, id);
  } catch (error) {
    if (!isGone(error)) throw error;
    say(`${id} is gone; begins anew`);
    return undefined;
  }
}

async function awaitEnd(begun: Batch, options: BatchRunOptions): Promise<Batch> {
  let batch = begun;
  for (;;) {
    options.onProgress(batch);
    if (hasEnded(batch)) return batch;
    await sleep(options.pollMs ?? pollMs, undefined, { signal: options.signal });
    batch = await patiently(patience(options), () => readBatch(options.ingress, batch.id));
  }
}

async function save(batch: Batch, input: PreparedInput, options: BatchRunOptions): Promise<BatchRunResult> {
  const { output } = options;
  const errorsPath = errorsPathOf(output);
  if (batch.status === "failed") return { batch: withLinesOf(input, batch), errorsPath: undefined };
  await savePart(batch, "output", output, options);
  if (options.ordered) await orderOutput(output, input.customIds);
  if (batch.error_file_id === null) {
    // Of an earlier run: nobody shall take them for this one's.
    rmSync(errorsPath, { force: true });
    return { batch, errorsPath: undefined };
  }
  await savePart(batch, "errors", errorsPath, options);
  return { batch, errorsPath };
}

/** The ingress counts the lines of what was sent, which has no blank ones and no head. */
function withLinesOf({ places }: PreparedInput, batch: Batch): Batch {
  if (batch.errors === null) return batch;
  const data = batch.errors.data.map((error) => ({
    ...error,
    line: error.line === null ? null : (places[error.line - 1] ?? error.line),
  }));
  return { ...batch, errors: { ...batch.errors, data } };
}

async function savePart(
  batch: Batch,
  part: "output" | "errors",
  path: string,
  options: BatchRunOptions,
): Promise<void> {
  try {
    await patiently(patience(options), async () =>
      saveOutput(await readOutput(options.ingress, batch, part), path),
    );
  } catch (error) {
    if (!isGone(error)) throw error;
    // Asked again, it would be gone again.
    removeRunState(options.output);
    throw new CommandFailure(
      `${batch.id} ${batch.status}, but its ${part} ${part === "output" ? "was" : "were"} deleted or expired; the same command with --overwrite runs the file anew`,
    );
  }
}

function patience({ pollMs: pauseMs = pollMs, signal, say }: BatchRunOptions): Patience {
  return { pauseMs, signal, say };
}

function isGone(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 404;
}
