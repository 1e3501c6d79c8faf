import { resolve } from "node:path";
import {
  divideForValidation,
  RouterError,
  validate,
  validationMethods,
  type TextEmbeddings,
  type Validation,
  type ValidationMethod,
  type ValidationRows,
} from "@expert-router/classifier";
import { loadEnglishWordVectors } from "@expert-router/embedder";
import { Command, InvalidArgumentError, Option } from "commander";
import { describeSet } from "../training/describe-set.js";
import { openTrainingEncoder } from "../training/training-encoder.js";
import { readTrainingSet } from "../training/training-set.js";
import { reportEncoderErrors } from "./encoder-options.js";
import { reportRouterErrors } from "./router-failure.js";
import { TrainingProgress } from "./training-progress.js";
import { formatValidation } from "./validation-table.js";

interface ValidateOptions {
  readonly input: readonly string[];
  readonly seeds: readonly string[];
  readonly excludeSource: readonly string[];
  readonly encoder?: string;
  readonly folds: number;
  readonly seed: number;
  readonly methods?: readonly ValidationMethod[];
  readonly details?: true;
  readonly json?: true;
}

/** `expert-router validate`: what methods reach on sources that they were not trained on. */
export function validateCommand(): Command {
  const command = new Command("validate")
    .description("compare methods of training on sources left out whole, fold by fold")
    .requiredOption("--input <file...>", "prompts to judge: { text, domain, source } a line")
    .option("--seeds <file...>", "prompts that are always trained on and never judged", [])
    .option(
      "--exclude-source <name...>",
      "leave out prompts of these sources of the input; several with commas",
      [],
    )
    .option("--encoder <dir>", "judge a sentence encoder too: its folder")
    .addOption(new Option("--folds <n>", "parts that sources are divided into").argParser(folds).default(5))
    .addOption(new Option("--seed <n>", "same seed and input, same figures").argParser(seed).default(1))
    .addOption(
      new Option("--methods <ids>", `of ${validationMethods.map(({ id }) => id).join(", ")}`).argParser(
        methodsOf,
      ),
    )
    .option("--details", "show the recall of every domain")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Every prompt of the input is judged by models that were trained on no prompt of its source, nor learned words from one.

Examples:
  $ expert-router validate --input prompts.jsonl --seeds routers/seeds/*.jsonl --details
  $ expert-router validate --input prompts.jsonl --encoder models/minilm --methods default,encoder --json`,
    );
  return command.action(async (options: ValidateOptions) =>
    reportRouterErrors(command, () =>
      reportEncoderErrors(command, async () => {
        const validation = await run(options);
        process.stdout.write(
          options.json
            ? `${JSON.stringify(validation)}\n`
            : formatValidation(validation, options.details === true),
        );
      }),
    ),
  );
}

async function run(options: ValidateOptions): Promise<Validation> {
  const rows = await readRows(options);
  const methods = (options.methods ?? validationMethods).filter(
    ({ id }) => options.methods !== undefined || id !== "encoder" || options.encoder !== undefined,
  );
  if (options.encoder === undefined && methods.some(({ id }) => id === "encoder"))
    throw new RouterError(
      "artifact_unsupported",
      "--methods encoder: give the encoder's folder by --encoder",
    );
  const progress = new TrainingProgress(process.stderr);
  try {
    const embeddings = methods.some(({ id }) => id === "encoder")
      ? await embed(resolve(options.encoder!), rows, progress)
      : undefined;
    return validate(rows, methods, {
      seed: options.seed,
      words: await loadEnglishWordVectors(),
      embeddings,
      onProgress: progress.update,
      now: () => performance.now(),
    });
  } finally {
    progress.stop();
  }
}

async function readRows({
  input,
  seeds,
  excludeSource,
  folds: count,
  seed: of,
}: ValidateOptions): Promise<ValidationRows> {
  const judged = await readTrainingSet(input, {
    domains: "required",
    excludedSources: excludeSource.flatMap((names) => names.split(",")).filter((name) => name !== ""),
    onConflict: "drop",
  });
  process.stderr.write(`to judge: ${describeSet(judged)}\n`);
  const extra =
    seeds.length === 0
      ? undefined
      : await readTrainingSet(seeds, { domains: "required", excludedSources: [], onConflict: "drop" });
  if (extra !== undefined) process.stderr.write(`seeds: ${describeSet(extra)}\n`);
  const rows = divideForValidation(
    { input: judged.examples, seeds: extra?.examples ?? [] },
    { folds: count, seed: of },
  );
  if (rows.repeatedSeeds > 0)
    process.stderr.write(`${rows.repeatedSeeds} seeds left out: their text is judged\n`);
  if (rows.withoutSource > 0)
    process.stderr.write(`${rows.withoutSource} prompts name no source and are left out one by one\n`);
  return rows;
}

async function embed(dir: string, rows: ValidationRows, progress: TrainingProgress): Promise<TextEmbeddings> {
  const encoder = await openTrainingEncoder(dir);
  try {
    return await encoder.embed(rows.examples, progress.update);
  } finally {
    await encoder.close();
  }
}

function methodsOf(text: string): ValidationMethod[] {
  const ids = text.split(",").map((id) => id.trim());
  const unknown = ids.filter((id) => !validationMethods.some((method) => method.id === id));
  if (unknown.length > 0)
    throw new InvalidArgumentError(
      `unknown: ${unknown.join(", ")}; there are ${validationMethods.map(({ id }) => id).join(", ")}`,
    );
  return validationMethods.filter(({ id }) => ids.includes(id));
}

const folds = integer(2, 100);
const seed = integer(0, 0xffff_ffff);

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
  };
}
