import { monitorEventLoopDelay } from "node:perf_hooks";
import { classifiedText } from "@expert-router/classifier";
import { Classifier } from "./classifier.js";

/** Numbers of calls under way at once that are measured. */
const inFlight = [1, 32, 128, 512] as const;

const longUnits = 65_536;
const longRounds = 100;
const warmUpRounds = 2;

/** Resolution of Node's measurement of the event loop, which it counts as delay. */
const delayResolutionMs = 1;

/** One way of asking, one prompt a call. */
export interface ClassifierLoad {
  readonly in_flight: number;
  readonly prompts: number;
  readonly prompts_per_s: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /** Processor time of the whole process: unlike the rate, it hardly depends on what else the machine does. */
  readonly cpu_us_per_prompt: number;
  /** How late the event loop ran what was due. */
  readonly event_loop_delay_ms: { readonly p99: number; readonly max: number };
}

export interface ClassifierBenchmark {
  readonly version: string;
  readonly prompts: number;
  /** Mean length of the prompts, in UTF-16 units. */
  readonly mean_units: number;
  readonly loads: readonly ClassifierLoad[];
  /** A text of 65,536 UTF-16 units, shortened as routing does it. */
  readonly long_text: { readonly units: number; readonly p50_ms: number; readonly p99_ms: number };
}

export interface ClassifierBenchmarkOptions {
  /** Prompts to classify, at least one. */
  readonly texts: readonly string[];
  /** Seconds a way of asking is measured. */
  readonly seconds: number;
}

/**
 * Measures the artifact in `dir`, features included: one prompt at a time, many in flight, and one long text.
 * @throws RouterError when it cannot be loaded.
 */
export async function benchmarkClassifier(
  dir: string,
  { texts, seconds }: ClassifierBenchmarkOptions,
): Promise<ClassifierBenchmark> {
  const classifier = await Classifier.load(dir);
  try {
    for (let round = 0; round < warmUpRounds; round++) await classifier.classifyAll(texts);
    const loads: ClassifierLoad[] = [];
    for (const calls of inFlight) loads.push(await measure(classifier, texts, calls, seconds));
    return {
      version: classifier.version,
      prompts: texts.length,
      mean_units: Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length),
      loads,
      long_text: await measureLong(classifier, texts),
    };
  } finally {
    await classifier.close();
  }
}

async function measure(
  classifier: Classifier,
  texts: readonly string[],
  calls: number,
  seconds: number,
): Promise<ClassifierLoad> {
  const timesMs: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  let next = 0;
  const before = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1_000;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const asked = performance.now();
      await classifier.classify(texts[next++ % texts.length]!);
      timesMs.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: calls }, caller));
  const tookMs = performance.now() - start;
  const used = process.cpuUsage(before);
  delay.disable();
  return {
    in_flight: calls,
    prompts: timesMs.length,
    prompts_per_s: Math.round((timesMs.length / tookMs) * 1_000),
    p50_us: Math.round(quantile(timesMs, 0.5) * 1_000),
    p99_us: Math.round(quantile(timesMs, 0.99) * 1_000),
    cpu_us_per_prompt: round((used.user + used.system) / timesMs.length),
    event_loop_delay_ms: { p99: delayMs(delay.percentile(99)), max: delayMs(delay.max) },
  };
}

async function measureLong(
  classifier: Classifier,
  texts: readonly string[],
): Promise<ClassifierBenchmark["long_text"]> {
  const once = texts.join("\n");
  const long = once.repeat(Math.ceil(longUnits / once.length)).slice(0, longUnits);
  const timesMs: number[] = [];
  for (let round = 0; round < longRounds; round++) {
    const start = performance.now();
    await classifier.classify(classifiedText(long));
    timesMs.push(performance.now() - start);
  }
  return {
    units: long.length,
    p50_ms: round(quantile(timesMs, 0.5)),
    p99_ms: round(quantile(timesMs, 0.99)),
  };
}

function quantile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

const delayMs = (nanoseconds: number): number => round(Math.max(0, nanoseconds / 1e6 - delayResolutionMs));

const round = (value: number): number => Math.round(value * 100) / 100;
