import { Command } from "commander";
import { classifiedText, EvaluationTally, RouterError, type PromptExample } from "@expert-router/classifier";
import { Classifier } from "@expert-router/embedder";
import type { EvaluationReport } from "./evaluation-report.js";
import { formatEvaluation } from "./evaluation-table.js";
import { readPrompts } from "./prompt-file.js";
import { reportRouterErrors } from "./router-failure.js";

/** Prompts in flight at once while throughput is measured. */
const windowSize = 256;
/** Prompts classified one after the other to measure the time of one, and before that to warm up. */
const timedPrompts = 2_000;
const warmUpPrompts = 200;

/** `expert-router eval`: how well and how fast an artifact classifies labelled prompts. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .description("judge a router on labelled prompts")
    .requiredOption("--router <dir>", "folder of the artifact")
    .requiredOption("--input <file>", "prompts, .jsonl or .jsonl.gz: { text, domain } a line")
    .option("--json", "print one JSON object");
  return command.action(async (options: { router: string; input: string; json?: true }) =>
    reportRouterErrors(command, async () => {
      const report = await evaluate(options.router, options.input);
      process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatEvaluation(report));
    }),
  );
}

async function evaluate(router: string, input: string): Promise<EvaluationReport> {
  const classifier = await Classifier.load(router);
  try {
    const truthOf = truthsOf(classifier);
    const tally = new EvaluationTally(truthOf.labels);
    const timed: string[] = [];
    let window: PromptExample[] = [];
    let busyMs = 0;
    const flush = async (): Promise<void> => {
      const start = performance.now();
      const results = await Promise.all(window.map(({ text }) => classifier.classify(classifiedText(text))));
      busyMs += performance.now() - start;
      for (const [index, { probabilities }] of results.entries()) {
        const best = probabilities.indexOf(Math.max(...probabilities));
        tally.add(truthOf.index(window[index]!.domain!), truthOf.ofClass[best]!, probabilities[best]!);
      }
      window = [];
    };
    for await (const example of readPrompts(input, { domain: true })) {
      window.push(example);
      if (timed.length < timedPrompts) timed.push(example.text);
      if (window.length === windowSize) await flush();
    }
    await flush();
    const figures = tally.summarize();
    return {
      ...figures,
      classify_us: await timeOneByOne(classifier, timed),
      prompts_per_s: Math.round((figures.n / busyMs) * 1_000),
    };
  } finally {
    await classifier.close();
  }
}

/** Labels that the classes of an artifact stand for: their own names, or for clusters the commonest domain of each. */
function truthsOf(classifier: Classifier): {
  labels: string[];
  ofClass: number[];
  index: (domain: string) => number;
} {
  const named = classifier.manifest.experts.map((of) => of.label ?? of.name);
  const labels = [...new Set(named)].sort();
  const index = (domain: string): number => {
    const found = labels.indexOf(domain);
    if (found >= 0) return found;
    throw new RouterError(
      "training_data_invalid",
      `the artifact cannot tell '${domain}', it knows ${labels.join(", ")}`,
    );
  };
  return { labels, ofClass: named.map((label) => labels.indexOf(label)), index };
}

async function timeOneByOne(
  classifier: Classifier,
  texts: readonly string[],
): Promise<{ p50: number; p99: number }> {
  for (const text of texts.slice(0, warmUpPrompts)) await classifier.classify(classifiedText(text));
  const times: number[] = [];
  for (const text of texts) {
    const start = performance.now();
    await classifier.classify(classifiedText(text));
    times.push((performance.now() - start) * 1_000);
  }
  times.sort((a, b) => a - b);
  const quantile = (share: number): number =>
    Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]!);
  return { p50: quantile(0.5), p99: quantile(0.99) };
}
