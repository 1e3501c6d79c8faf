import { batchEndpoints, type Batch } from "@expert-router/contracts";
import { Command, Option } from "commander";
import { cancelBatch, listBatches, readBatch, readOutput } from "../batch/batch-client.js";
import { formatOf, inputFormats, type InputFormat } from "../batch/batch-input.js";
import { BatchProgress } from "../batch/batch-progress.js";
import { assertPlace } from "../batch/output-place.js";
import { runBatch } from "../batch/run-batch.js";
import { readRunState } from "../batch/run-state.js";
import { saveOutput } from "../batch/save-output.js";
import { CommandFailure } from "../command-failure.js";
import {
  ingressAddress,
  interruptedCode,
  keyHelp,
  printBytes,
  printJson,
  urlOption,
} from "./client-options.js";
import { wholeNumber } from "./option-values.js";

interface BatchOptions {
  readonly json?: true;
  readonly url?: string;
}

interface RunOptions extends BatchOptions {
  readonly output: string;
  readonly format?: InputFormat;
  readonly endpoint: (typeof batchEndpoints)[number];
  readonly model?: string;
  readonly maxTokens?: number;
  readonly system?: string;
  readonly ordered?: true;
  readonly overwrite?: true;
}

/** `expert-router batch` */
export function batchCommand(): Command {
  const command = new Command("batch").description("run files of prompts, and look after batches");
  command.addHelpText("after", `\n${keyHelp}`);
  for (const part of [runCommand(), listCommand(), statusCommand(), cancelCommand(), downloadCommand()])
    command.addCommand(part);
  return command;
}

function runCommand(): Command {
  return new Command("run")
    .description("run every prompt of a file, and write the answers to another one")
    .argument(
      "<file>",
      'lines of a batch, {"prompt"} or {"text"} a line (.jsonl), a table with a column prompt (.csv), or a prompt a line; also .gz',
    )
    .requiredOption("-o, --output <file>", "where the answers go; what failed goes to FILE.errors.jsonl")
    .addOption(
      new Option("--format <format>", "what the file holds (told by its name)").choices(inputFormats),
    )
    .addOption(
      new Option("--endpoint <path>", "what prompts become")
        .choices(batchEndpoints)
        .default(batchEndpoints[0]),
    )
    .option("--model <model>", "an expert, or auto: each prompt to its own (default)")
    .option("--max-tokens <n>", "longest answer to a prompt", wholeNumber)
    .option("--system <text>", "system message in front of each prompt")
    .option("--ordered", "answers in the order of the file, not as they come")
    .option("--overwrite", "write over answers that are there already")
    .option("--json", "print the batch as JSON, once it has ended")
    .addOption(urlOption())
    .addHelpText(
      "after",
      `
The batch runs at the ingress. Ctrl-C leaves it running; the same command again goes on with it, by FILE.run beside the output.
Exit code 0 if every prompt has its answer, 1 if one failed or the run did, 2 if the command or the file is wrong, so that nothing was run,
${interruptedCode} after Ctrl-C.

Examples:
  $ expert-router batch run prompts.jsonl -o answers.jsonl
  $ expert-router batch run questions.csv -o answers.jsonl --model general --max-tokens 200 --ordered`,
    )
    .action(run);
}

async function run(file: string, options: RunOptions): Promise<void> {
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  const progress = new BatchProgress(process.stderr);
  try {
    const { batch, errorsPath } = await runBatch({
      ...options,
      ingress: { ...ingressAddress(options), signal: interrupted.signal },
      input: file,
      format: options.format ?? formatOf(file),
      ordered: options.ordered === true,
      overwrite: options.overwrite === true,
      say: (line) => void process.stderr.write(`${line}\n`),
      onProgress: (now) => progress.update(now),
      signal: interrupted.signal,
    });
    progress.stop();
    if (options.json === true) printJson(batch);
    else process.stdout.write(`${summary(batch)}\n`);
    assertCompleted(batch, errorsPath);
  } catch (error) {
    progress.stop();
    if (!interrupted.signal.aborted) throw error;
    throw new CommandFailure(interruption(options.output), interruptedCode);
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

function interruption(output: string): string {
  const state = readRunState(output);
  if (state === undefined) return "Nothing was begun.";
  return state.batch_id === undefined
    ? "Broken off before the ingress said that it has the batch; the same command again looks for it, or begins."
    : `${state.batch_id} goes on at the ingress; the same command again goes on with it.`;
}

function assertCompleted(batch: Batch, errorsPath: string | undefined): void {
  const problems = (batch.errors?.data ?? []).map(
    ({ line, code, message }) => `  ${line === null ? "" : `line ${line}: `}${code}: ${message}`,
  );
  if (batch.status !== "completed") {
    const exitCode = batch.status === "failed" ? 2 : 1;
    throw new CommandFailure([`${batch.id} ${batch.status}`, ...problems].join("\n"), exitCode);
  }
  const { failed, total } = batch.request_counts;
  if (failed > 0)
    throw new CommandFailure(`${failed} of ${total} prompts failed; ${errorsPath ?? "see the error file"}`);
}

function listCommand(): Command {
  return new Command("list")
    .description("list batches, newest first")
    .option("--limit <n>", "batches at most, 1 to 100", wholeNumber, 20)
    .option("--after <id>", "those behind this batch")
    .option("--json", "print them as JSON")
    .addOption(urlOption())
    .action(async (options: BatchOptions & { limit: number; after?: string }) => {
      const list = await listBatches(ingressAddress(options), options.limit, options.after);
      if (options.json === true) return printJson(list);
      for (const batch of list.data) process.stdout.write(`${summary(batch)}\n`);
      if (list.has_more) process.stderr.write(`more: --after ${list.last_id}\n`);
    });
}

function statusCommand(): Command {
  return onBatch("status", "show how far a batch is", readBatch);
}

function cancelCommand(): Command {
  return onBatch("cancel", "cancel a batch; what is done stays", cancelBatch);
}

function onBatch(name: string, description: string, ask: typeof readBatch): Command {
  return new Command(name)
    .description(description)
    .argument("<id>", "id of the batch")
    .option("--json", "print it as JSON")
    .addOption(urlOption())
    .action(async (id: string, options: BatchOptions) => {
      const batch = await ask(ingressAddress(options), id);
      if (options.json === true) printJson(batch);
      else process.stdout.write(`${summary(batch)}\n`);
    });
}

function downloadCommand(): Command {
  return new Command("download")
    .description("write what a batch has answered so far")
    .argument("<id>", "id of the batch")
    .option("-o, --output <file>", "where to (standard output)")
    .option("--errors", "what failed, instead of what was answered")
    .addOption(urlOption())
    .action(async (id: string, options: { output?: string; errors?: true; url?: string }) => {
      if (options.output !== undefined) assertPlace(options.output);
      const ingress = ingressAddress(options);
      const part = options.errors === true ? "errors" : "output";
      const body = await readOutput(ingress, await readBatch(ingress, id), part);
      if (options.output === undefined) await printBytes(body);
      else await saveOutput(body, options.output);
    });
}

function summary(batch: Batch): string {
  const { total, completed, failed } = batch.request_counts;
  const created = new Date(batch.created_at * 1_000).toISOString();
  const counts = `${completed} of ${total} answered${failed > 0 ? `, ${failed} failed` : ""}`;
  return `${batch.id}  ${created}  ${batch.status.padEnd(11)}  ${counts}`;
}
