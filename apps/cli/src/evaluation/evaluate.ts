import { classifiedText, EvaluationTally, measureRobustness, PromptSample } from "@expert-router/classifier";
import type { EvaluationReport } from "../commands/evaluation-report.js";
import { readPrompts, type PromptLine } from "../commands/prompt-file.js";
import { timeOneByOne } from "./classify-time.js";
import { Comparison } from "./comparison.js";
import type { LabelledPrompt, PlacedPrompt } from "./placed-prompt.js";
import { RouterJudge, type JudgePolicy } from "./router-judge.js";
import { RoutingTally } from "./routing-tally.js";

/** Prompts in flight at once while throughput is measured. */
const windowSize = 256;
/** Prompts classified one after the other to measure the time of one. */
const timedPrompts = 2_000;

export interface EvaluateOptions extends JudgePolicy {
  readonly router: string;
  readonly input: readonly string[];
  /** Folder of an artifact to compare with. */
  readonly against?: string | undefined;
  readonly robustness?: true | undefined;
  /** Prompts that robustness changes. */
  readonly robustnessPrompts: number;
  readonly seed: number;
  /** Told how much of the robustness is measured, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Judges an artifact on labelled prompts.
 * @throws RouterError if the artifact, the prompts or the configuration are not what they should be.
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const judge = await RouterJudge.load(options.router, options);
  try {
    if (options.against === undefined) return await judgePrompts(judge, undefined, options);
    const other = await RouterJudge.load(options.against, options);
    try {
      return await judgePrompts(judge, other, options);
    } finally {
      await other.close();
    }
  } finally {
    await judge.close();
  }
}

async function judgePrompts(
  judge: RouterJudge,
  other: RouterJudge | undefined,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  const tally = new EvaluationTally(judge.domains);
  const routing =
    options.config === undefined && options.threshold === undefined ? undefined : new RoutingTally(judge);
  const comparison = other && new Comparison(other);
  const sample = new PromptSample<LabelledPrompt>(options.robustnessPrompts, options.seed);
  const timed: string[] = [];
  let busyMs = 0;
  for await (const window of windowsOf(options.input)) {
    // A window is read whole before the clock starts, so that reading is not counted.
    const truths = window.map(({ prompt, place }) => judge.indexOf(prompt.domain, place));
    const texts = window.map(({ prompt }) => prompt.text);
    const startedAt = performance.now();
    const results = await judge.classify(texts);
    busyMs += performance.now() - startedAt;
    const right = results.map((result, at) => {
      const { domains, decision } = judge.judge(result);
      const { prompt } = window[at]!;
      routing?.add(truths[at]!, decision);
      if (timed.length < timedPrompts) timed.push(classifiedText(prompt.text));
      // Only what a router reads is kept: prompts can be a thousand times as long.
      if (options.robustness) sample.add({ ...prompt, text: classifiedText(prompt.text) });
      return tally.addDistribution(truths[at]!, domains, prompt.source) === truths[at]!;
    });
    await comparison?.add(window, right);
  }
  const figures = tally.summarize();
  const { n, accuracy, macro_f1, per_class, confusion, coverage_at, ...further } = figures;
  return {
    ...{ n, accuracy, macro_f1, per_class, confusion, coverage_at },
    classify_us: await timeOneByOne(judge, timed),
    prompts_per_s: Math.round((n / busyMs) * 1_000),
    ...further,
    ...(routing && { routing: routing.summarize() }),
    ...(comparison && { against: comparison.summarize() }),
    ...(options.robustness && {
      robustness: await measureRobustness(sample.items, (texts) => inWindows(judge, texts), options),
    }),
  };
}

async function* windowsOf(paths: readonly string[]): AsyncGenerator<PlacedPrompt[]> {
  let window: PlacedPrompt[] = [];
  for (const path of paths) {
    for await (const prompt of readPrompts(path, { domain: true })) {
      window.push({ prompt: prompt as PromptLine & LabelledPrompt, place: `${path}:${prompt.line}` });
      if (window.length < windowSize) continue;
      yield window;
      window = [];
    }
  }
  if (window.length > 0) yield window;
}

async function inWindows(
  judge: RouterJudge,
  texts: readonly string[],
): Promise<Awaited<ReturnType<RouterJudge["decide"]>>> {
  const decisions: Awaited<ReturnType<RouterJudge["decide"]>> = [];
  for (let start = 0; start < texts.length; start += windowSize)
    decisions.push(...(await judge.decide(texts.slice(start, start + windowSize))));
  return decisions;
}
