import { readdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { readModelSettings } from "@expert-router/config";
import { benchmarkEncoder, SentenceEncoder, type EncoderBenchmark } from "@expert-router/embedder";
import { Command } from "commander";
import { ModelHub } from "../models/model-hub.js";
import { pullModel } from "../models/pull-model.js";
import { PullProgressBar } from "../models/pull-progress.js";
import { positive, reportEncoderErrors, withEncoderOptions, type EncoderOptions } from "./encoder-options.js";
import { distilCommand } from "./models-distil.js";

/** `expert-router models` */
export function modelsCommand(): Command {
  return new Command("models")
    .description("fetch, examine, measure and distil sentence encoders")
    .addCommand(pullCommand())
    .addCommand(listCommand())
    .addCommand(checkCommand())
    .addCommand(benchCommand())
    .addCommand(distilCommand());
}

interface PullOptions {
  readonly revision: string;
  readonly output?: string;
  readonly file?: string;
  readonly endpoint?: string;
}

function pullCommand(): Command {
  return new Command("pull")
    .description("fetch a sentence encoder from the Hugging Face hub")
    .argument("<repo>", "such as sentence-transformers/all-MiniLM-L6-v2")
    .option("--revision <name>", "branch, tag or commit", "main")
    .option("--output <dir>", "folder of the encoder (default: models/REPO in the data folder)")
    .option("--file <path>", "the model to take, such as onnx/model_quantized.onnx")
    .option("--endpoint <url>", "hub to ask (default: HF_ENDPOINT or https://huggingface.co)")
    .action(async (repo: string, options: PullOptions) => {
      const settings = readModelSettings();
      // A token is for the hub that the environment names, not for one named by hand.
      const token = options.endpoint === undefined ? settings.token : undefined;
      const hub = new ModelHub({ endpoint: options.endpoint ?? settings.endpoint, token });
      const output = options.output === undefined ? join(settings.folder, repo) : resolve(options.output);
      const progress = new PullProgressBar(process.stderr);
      try {
        const pulled = await pullModel({
          hub,
          repo,
          revision: options.revision,
          output,
          file: options.file,
          onProgress: progress.update,
        });
        progress.stop();
        const bytes = pulled.files.reduce((sum, file) => sum + file.bytes, 0);
        process.stdout.write(
          `${output}: ${pulled.files.length} files, ${(bytes / 1e6).toFixed(1)} MB; ` +
            `${pulled.fetched.length === 0 ? "all were there" : `${pulled.fetched.length} fetched`}, all checked\n`,
        );
      } finally {
        progress.stop();
        await hub.close();
      }
    });
}

function listCommand(): Command {
  return new Command("list").description("show the encoders in the data folder").action(async () => {
    const { folder } = readModelSettings();
    const found = await readdir(folder, { recursive: true }).catch(() => []);
    const dirs = found
      .filter((path) => /(^|[\\/])tokenizer\.json$/.test(path))
      .map((path) => join(folder, path, ".."));
    for (const dir of dirs.toSorted()) process.stdout.write(`${relative(folder, dir)}  ${dir}\n`);
    if (dirs.length === 0)
      process.stdout.write(`none in ${folder}; 'expert-router models pull REPO' fetches one\n`);
  });
}

function checkCommand(): Command {
  const command = withEncoderOptions(
    new Command("check").description("open an encoder and say what it is").argument("<dir>", "its folder"),
  );
  return command.action(async (dir: string, options: EncoderOptions) =>
    reportEncoderErrors(command, async () => {
      const encoder = await SentenceEncoder.open(resolve(dir), { ...options, model: options.file });
      try {
        const texts = Array.from(
          { length: 64 },
          (_, at) => `${at} ${"a prompt of middling length ".repeat(6)}`,
        );
        await encoder.encode(texts.slice(0, 8));
        const before = encoder.counts.tokens;
        const begin = performance.now();
        await encoder.encode(texts);
        const seconds = (performance.now() - begin) / 1_000;
        const perSecond = Math.round((encoder.counts.tokens - before) / seconds);
        const lines = [
          ["model", encoder.model.name],
          ["dimensions", encoder.dimensions],
          ["pooling", `${encoder.pooling}${encoder.normalized ? ", normalised" : ", not normalised"}`],
          ["longest text", `${encoder.maxTokens} tokens`],
          ["speed", `${perSecond} tokens/s`],
          ...encoder.model.files.map(({ name, sha256 }) => [name, `sha256 ${sha256}`]),
        ];
        const width = Math.max(...lines.map(([name]) => String(name).length));
        for (const [name, value] of lines) process.stdout.write(`${String(name).padEnd(width)}  ${value}\n`);
      } finally {
        await encoder.close();
      }
    }),
  );
}

function benchCommand(): Command {
  const command = withEncoderOptions(
    new Command("bench")
      .description("measure an encoder with prompts of several lengths: one at a time, then many in flight")
      .argument("<dir>", "its folder")
      .option("--seconds <n>", "seconds for each length and way of asking", positive, 5)
      .option("--chars <n,…>", "lengths of the prompts in characters", lengths, [30, 100, 400])
      .option("--in-flight <n>", "calls under way at once", positive, 32)
      .option("--json", "print the figures as JSON"),
  );
  type Options = EncoderOptions & {
    readonly seconds: number;
    readonly inFlight: number;
    readonly chars: readonly number[];
    readonly json?: true;
  };
  return command.action(async (dir: string, { json, file, ...options }: Options) =>
    reportEncoderErrors(command, async () => {
      const measured = await benchmarkEncoder(resolve(dir), { ...options, model: file });
      process.stdout.write(json ? `${JSON.stringify(measured, undefined, 2)}\n` : benchmarkTable(measured));
    }),
  );
}

function benchmarkTable({ model, dimensions, processors, levels }: EncoderBenchmark): string {
  const head = ["characters", "tokens", "in flight", "prompts/s", "p50 ms", "p99 ms", "cpu ms a prompt"];
  const columns = [...head, "loop delay p99 ms", "max ms", "ratio"];
  const rows = levels.flatMap(({ chars, tokens, one, many, ratio }) =>
    [one, many].map((of) => [
      chars,
      tokens,
      of.in_flight,
      of.prompts_per_s,
      of.p50_ms,
      of.p99_ms,
      of.cpu_ms_per_prompt,
      of.event_loop_delay_ms.p99,
      of.event_loop_delay_ms.max,
      of === many ? ratio : "",
    ]),
  );
  const lines = [columns, ...rows].map((cells) =>
    cells.map((cell, at) => String(cell).padStart(columns[at]!.length)).join("  "),
  );
  return [`${model}, ${dimensions} dimensions, ${processors} processors`, ...lines, ""].join("\n");
}

function lengths(list: string): number[] {
  return list.split(",").map(positive);
}
