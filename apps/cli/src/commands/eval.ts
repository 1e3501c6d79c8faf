import { Command, InvalidArgumentError, Option } from "commander";
import { evaluate, type EvaluateOptions } from "../evaluation/evaluate.js";
import { formatEvaluation } from "./evaluation-table.js";
import { reportRouterErrors } from "./router-failure.js";
import { TrainingProgress } from "./training-progress.js";

/** `expert-router eval`: how well and how fast an artifact classifies labelled prompts. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .description("judge a router on labelled prompts")
    .requiredOption("--router <dir>", "folder of the artifact")
    .requiredOption("--input <file...>", "prompts, .jsonl or .jsonl.gz: { text, domain, source? } a line")
    .option("--against <dir>", "compare with another artifact, prompt by prompt")
    .option("--config <file>", "expert-router.yaml: judge experts besides domains, by its threshold")
    .addOption(
      new Option("--threshold <p>", "confidence below which the generalist answers").argParser(probability),
    )
    .option("--robustness", "also measure typos, case, paraphrase, chatter, and prompts of no domain")
    .addOption(
      new Option("--robustness-prompts <n>", "prompts of the input that are changed for it")
        .argParser(count)
        .default(2_000),
    )
    .addOption(new Option("--seed <n>", "of the changes").argParser(count).default(1))
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ expert-router eval --router routers/mine --input held-out.jsonl --robustness --config expert-router.yaml
  $ expert-router eval --router routers/mine --against routers/default --input held-out.jsonl --json`,
    );
  return command.action(async (options: EvaluateOptions & { json?: true }) =>
    reportRouterErrors(command, async () => {
      const progress = new TrainingProgress(process.stderr);
      const onProgress = (done: number): void => progress.update("robustness", done);
      try {
        const report = await evaluate({ ...options, onProgress });
        process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatEvaluation(report));
      } finally {
        progress.stop();
      }
    }),
  );
}

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("must be a number from 0 to 1");
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  throw new InvalidArgumentError("must be a whole number from 1 to 1000000");
}
