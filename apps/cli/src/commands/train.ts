import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  RouterError,
  trainOnClusters,
  trainOnLabels,
  type RouterManifest,
  type TrainedRouter,
} from "@expert-router/classifier";
import { loadEnglishWordVectors, writeArtifact } from "@expert-router/embedder";
import { readSeedPrompts } from "../training/seed-prompts.js";
import { openTrainingEncoder, type TrainingEncoder } from "../training/training-encoder.js";
import { assertReplaceable } from "../training/output-folder.js";
import { describeSet } from "../training/describe-set.js";
import { fingerprint, readTrainingSet, type TrainingSet } from "../training/training-set.js";
import { uninterrupted } from "../training/uninterrupted.js";
import { reportRouterErrors } from "./router-failure.js";
import { TrainingProgress } from "./training-progress.js";

interface TrainOptions {
  readonly input: readonly string[];
  readonly output: string;
  readonly excludeSource: readonly string[];
  readonly onConflict: "refuse" | "drop";
  readonly clusters?: number | "auto";
  readonly labels?: "domain" | "none";
  readonly embedder: string;
  readonly seed: number;
  /** Whether the project's own prompts of the same domains are trained on too. */
  readonly seeds: boolean;
  /** A folder; true for that of the artifact, false for no page. */
  readonly report: string | boolean;
}

/** `expert-router train`: prompts in, a router artifact out. */
export function trainCommand(): Command {
  const command = new Command("train")
    .description("train a router from prompts: with their labels, or by clustering them")
    .requiredOption("--input <file...>", "prompts, .jsonl or .jsonl.gz: { text, domain?, source? } a line")
    .requiredOption("--output <dir>", "folder of the artifact; replaced once training has succeeded")
    .addOption(
      new Option("--labels <field>", "learn this field; none leaves clusters without names").choices([
        "domain",
        "none",
      ]),
    )
    .addOption(
      new Option(
        "--clusters <k>",
        "find this many clusters, or auto; prompts with a domain name them",
      ).argParser(clusterCount),
    )
    .option("--embedder <kind>", "tfidf, or onnx:DIR for a sentence encoder", "tfidf")
    .addOption(
      new Option("--seed <n>", "same seed and input, same bytes")
        .argParser(integer(0, 0xffff_ffff))
        .default(1),
    )
    .option("--exclude-source <name...>", "leave out prompts of these sources; several with commas", [])
    .option("--no-seeds", "do not add the project's own prompts, even if all domains are theirs")
    .addOption(
      new Option("--on-conflict <what>", "a text with two domains: refuse the input, or drop the text")
        .choices(["refuse", "drop"])
        .default("refuse"),
    )
    .option("--report <dir>", "folder of report.html", true)
    .option("--no-report", "write no report.html")
    .addHelpText(
      "after",
      `
Nothing is written unless training succeeds. Exit code 1: the input, its place being named; 130: interrupted.

Examples:
  $ expert-router train --input prompts.jsonl more/*.jsonl.gz --output routers/mine
  $ expert-router train --input prompts.jsonl --clusters auto --output routers/mine --exclude-source forum,wiki`,
    );
  return command.action(async (options: TrainOptions) => reportRouterErrors(command, () => train(options)));
}

async function train(options: TrainOptions): Promise<void> {
  const encoderDir = readEmbedder(options);
  if (options.labels === "none" && options.clusters === undefined)
    throw new RouterError(
      "training_data_insufficient",
      "--labels none leaves nothing to learn: give --clusters K too",
    );
  const output = resolve(options.output);
  await assertReplaceable(output);
  let set = await readTrainingSet(options.input, {
    domains: options.clusters === undefined ? "required" : options.labels === "none" ? "ignored" : "optional",
    excludedSources: options.excludeSource.flatMap((names) => names.split(",")).filter((name) => name !== ""),
    onConflict: options.onConflict,
  });
  process.stderr.write(`${describeSet(set)}\n`);
  if (options.seeds && options.clusters === undefined) set = await withSeeds(set);
  const encoder = encoderDir === undefined ? undefined : await openTrainingEncoder(encoderDir);
  let manifest: RouterManifest;
  try {
    const router = await trainOn(set, options, encoder);
    manifest = await uninterrupted(() => writeArtifact(output, router, encoder));
  } finally {
    await encoder?.close();
  }
  process.stdout.write(describeArtifact(manifest, options.output));
  if (options.report !== false) {
    const dir = options.report === true ? output : resolve(options.report as string);
    // Drawing charts takes a megabyte of code that nothing else needs.
    const { writeReport } = await import("../report/report-file.js");
    await writeReport(dir, manifest, set);
    process.stdout.write(
      `report: ${join(options.report === true ? options.output : (options.report as string), "report.html")}\n`,
    );
  }
}

/** The set with the seed prompts of its domains, if it has no other domains; those it holds already are not added again. */
async function withSeeds(set: TrainingSet): Promise<TrainingSet> {
  const domains = new Set(set.examples.flatMap(({ domain }) => (domain === undefined ? [] : [domain])));
  const seeds = await readSeedPrompts(domains);
  const held = new Set(set.examples.map(({ text }) => fingerprint(text)));
  const added = seeds.examples.filter(({ text }) => !held.has(fingerprint(text)));
  if (added.length === 0) return set;
  process.stderr.write(
    `${added.length} seed prompts of the same ${domains.size} domains added; --no-seeds leaves them out\n`,
  );
  return { ...set, examples: [...set.examples, ...added] };
}

/** The folder of the encoder, if one is asked for. */
function readEmbedder({ embedder, clusters }: TrainOptions): string | undefined {
  if (embedder === "tfidf") return undefined;
  const dir = /^onnx:(.+)$/.exec(embedder)?.[1];
  if (dir === undefined)
    throw new RouterError("artifact_unsupported", `--embedder ${embedder}: neither tfidf nor onnx:DIR`);
  if (clusters !== undefined)
    throw new RouterError(
      "artifact_unsupported",
      "--clusters stands on the built-in features: leave --embedder out",
    );
  return resolve(dir);
}

async function trainOn(
  set: TrainingSet,
  { clusters, labels, input, seed }: TrainOptions,
  encoder: TrainingEncoder | undefined,
): Promise<TrainedRouter> {
  const progress = new TrainingProgress(process.stderr);
  const training = { seed, onProgress: progress.update, words: await loadEnglishWordVectors() };
  const classes = labels === undefined ? undefined : labels === "none" ? "clusters" : "labels";
  try {
    const embeddings = await encoder?.embed(set.examples, progress.update);
    return clusters === undefined
      ? trainOnLabels(set.examples, { ...training, embeddings })
      : trainOnClusters(set.examples, { ...training, clusters, classes });
  } catch (error) {
    if (!(error instanceof RouterError)) throw error;
    throw new RouterError(error.code, `${input.join(", ")}: ${error.message}`, { cause: error });
  } finally {
    progress.stop();
  }
}

function describeArtifact({ training, version, experts, embedder }: RouterManifest, output: string): string {
  const { held_out: heldOut } = training;
  const lines = [`${output}: ${version}, ${experts.length} classes, ${embedder.features} features\n`];
  if (heldOut !== null) {
    const { whole_sources: whole, all, estimate } = heldOut;
    if (estimate !== undefined)
      lines.unshift(`estimated accuracy on prompts from other sources: ${estimate}\n`);
    lines.unshift(
      whole.n === 0
        ? `held out row by row, for no source could be left out whole: accuracy ${all.accuracy} (n = ${all.n}), macro F1 ${all.macro_f1}\n`
        : `held out by source: accuracy ${whole.accuracy} (n = ${whole.n}), macro F1 ${whole.macro_f1}; all rows ${all.accuracy}\n`,
    );
  }
  return lines.join("");
}

function clusterCount(text: string): number | "auto" {
  return text === "auto" ? text : integer(2, 1_024)(text);
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
  };
}
