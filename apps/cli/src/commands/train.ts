import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  RouterError,
  trainOnClusters,
  trainOnLabels,
  type PromptExample,
  type TrainedRouter,
} from "@expert-router/classifier";
import { writeArtifact } from "@expert-router/embedder";
import { readPrompts } from "./prompt-file.js";
import { reportRouterErrors } from "./router-failure.js";
import { TrainingProgress } from "./training-progress.js";

interface TrainOptions {
  readonly input: string;
  readonly output: string;
  readonly clusters?: number;
  readonly labels?: "domain";
  readonly embedder: string;
  readonly seed: number;
}

/** `expert-router train`: prompts in, a router artifact out. */
export function trainCommand(): Command {
  const command = new Command("train")
    .description("train a router from prompts: with their labels, or by clustering them")
    .requiredOption("--input <file>", "prompts, .jsonl or .jsonl.gz: { text, domain?, source? } a line")
    .requiredOption("--output <dir>", "folder of the artifact; replaced once training has succeeded")
    .addOption(new Option("--labels <field>", "learn this field").choices(["domain"]).conflicts("clusters"))
    .addOption(new Option("--clusters <k>", "find this many clusters instead").argParser(integer(2, 1_024)))
    .option("--embedder <kind>", "tfidf, or onnx:DIR for a sentence encoder", "tfidf")
    .addOption(
      new Option("--seed <n>", "same seed and input, same bytes")
        .argParser(integer(0, 0xffff_ffff))
        .default(1),
    );
  return command.action(async (options: TrainOptions) => reportRouterErrors(command, () => train(options)));
}

async function train(options: TrainOptions): Promise<void> {
  if (options.embedder !== "tfidf") {
    const known = options.embedder.startsWith("onnx:");
    throw new RouterError(
      "artifact_unsupported",
      known
        ? "--embedder onnx:DIR is not available yet: use tfidf"
        : `--embedder ${options.embedder}: neither tfidf nor onnx:DIR`,
    );
  }
  const byLabel = options.clusters === undefined;
  const examples: PromptExample[] = [];
  for await (const example of readPrompts(options.input, { domain: byLabel })) examples.push(example);
  process.stderr.write(`${examples.length} prompts read\n`);
  const progress = new TrainingProgress(process.stderr);
  const training = { seed: options.seed, onProgress: progress.update };
  let router: TrainedRouter;
  try {
    router = byLabel
      ? trainOnLabels(examples, training)
      : trainOnClusters(examples, options.clusters!, training);
  } finally {
    progress.stop();
  }
  const manifest = await writeArtifact(resolve(options.output), router);
  const heldOut = manifest.training.held_out;
  if (heldOut !== null) {
    const { whole_sources: whole, all } = heldOut;
    process.stdout.write(
      `held out by source: accuracy ${whole.accuracy} (n = ${whole.n}), macro F1 ${whole.macro_f1}; all rows ${all.accuracy}\n`,
    );
  }
  process.stdout.write(
    `${options.output}: ${manifest.version}, ${manifest.experts.length} classes, ${manifest.embedder.features} features\n`,
  );
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
  };
}
