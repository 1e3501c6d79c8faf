import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { positive, reportEncoderErrors, withEncoderOptions, type EncoderOptions } from "./encoder-options.js";
import { reportRouterErrors } from "./router-failure.js";
import { TrainingProgress } from "./training-progress.js";

interface DistilOptions extends EncoderOptions {
  readonly texts: readonly string[];
  readonly words: string;
  readonly output: string;
  readonly embeddings?: string;
  readonly maxWords: number;
  readonly dimensions: number;
  readonly prior: number;
  readonly promptWeight: number;
}

/** `expert-router models distil`: an encoder and texts in, static word vectors out. */
export function distilCommand(): Command {
  const command = withEncoderOptions(
    new Command("distil")
      .description("make word vectors whose sums over a text come near to an encoder's vector of it")
      .argument("<dir>", "folder of the encoder")
      .requiredOption("--texts <file...>", ".jsonl or .jsonl.gz: { text, prompt? } a line")
      .requiredOption("--words <file>", "list of words, the commonest first; the first column counts")
      .requiredOption("--output <file>", "file of the word vectors; replaced once all is done")
      .option("--embeddings <file>", "keep what is encoded here, and encode nothing that it holds")
      .option("--max-words <n>", "entries of the list that are read", wholeNumber(2, 1_000_000), 60_000)
      .option("--dimensions <n>", "numbers a word", positive, 256)
      .option("--prior <lambda>", "how much the encoder's vector of a word alone counts", number, 10)
      .option("--prompt-weight <n>", 'how much a text with "prompt": true counts; others count 1', number, 2)
      .addHelpText(
        "after",
        `
Encoding takes most of the time; with --embeddings a run that was broken off goes on where it ended, and a second one with
other options encodes nothing. The same input gives the same bytes, an encoder with quantised activations aside.

Example:
  $ expert-router models distil models/MiniLM --texts wordnet.jsonl prompts.jsonl.gz --words words.txt \\
      --embeddings wordnet.f32 --output words.bin`,
      ),
  );
  return command.action(async (dir: string, options: DistilOptions) =>
    reportEncoderErrors(command, () => reportRouterErrors(command, () => distil(dir, options))),
  );
}

async function distil(
  dir: string,
  { file, texts, words, output, embeddings, ...rest }: DistilOptions,
): Promise<void> {
  // The other commands need nothing of this.
  const { distilToFile } = await import("../models/distil-words.js");
  const progress = new TrainingProgress(process.stderr);
  try {
    const done = await distilToFile({
      ...rest,
      dir: resolve(dir),
      model: file,
      texts: texts.map((path) => resolve(path)),
      words: resolve(words),
      output: resolve(output),
      embeddings: embeddings === undefined ? undefined : resolve(embeddings),
      onProgress: progress.update,
    });
    const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
    process.stdout.write(
      [
        `${output}: ${done.words} words of ${done.dimensions} numbers, ${(done.bytes / 1e6).toFixed(1)} MB`,
        `list: ${done.words} words kept, ${done.leftOut} left out; ${done.seen} stand in a text`,
        `texts: ${done.texts}, ${done.prompts} of them prompts; ${done.encoded} texts and words encoded, ${done.cached} found`,
        `directions keep ${percent(done.kept)} of the encoder's vectors`,
        `sums over words give ${percent(done.explained.fit)} of what they keep; the words alone ${percent(done.explained.prior)}`,
        "",
      ].join("\n"),
    );
  } finally {
    progress.stop();
  }
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
  };
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("must be a number from 0 on");
}
