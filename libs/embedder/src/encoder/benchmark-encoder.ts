import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { SentenceEncoder, type SentenceEncoderOptions } from "./sentence-encoder.js";

export interface EncoderBenchmarkOptions extends SentenceEncoderOptions {
  /** Seconds a way of asking is measured. Default 10. */
  readonly seconds?: number;
  /** Calls under way at once in the second way. Default 32. */
  readonly inFlight?: number;
  /** Lengths of the prompts in characters; each is measured by itself. Default 30, 100 and 400. */
  readonly chars?: readonly number[];
}

/** One way of asking, one prompt a call. */
export interface EncoderLoad {
  readonly in_flight: number;
  readonly prompts: number;
  readonly prompts_per_s: number;
  readonly tokens_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Processor time of the whole process: unlike the rate, it hardly depends on what else the machine does. */
  readonly cpu_ms_per_prompt: number;
  /** How late the event loop ran what was due. */
  readonly event_loop_delay_ms: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Prompts of one length, asked in both ways. */
export interface EncoderLevel {
  readonly chars: number;
  /** Tokens of a prompt on average, those around it included. */
  readonly tokens: number;
  readonly one: EncoderLoad;
  readonly many: EncoderLoad;
  /** Prompts per second of `many`, over those of `one`. */
  readonly ratio: number;
}

export interface EncoderBenchmark {
  readonly model: string;
  readonly dimensions: number;
  readonly max_tokens: number;
  /** What the machine has; no ratio can be greater than this times what a batch saves. */
  readonly processors: number;
  readonly levels: readonly EncoderLevel[];
}

const defaultSeconds = 10;
const defaultInFlight = 32;
const defaultChars = [30, 100, 400];
const warmUpSeconds = 1;
/** Resolution of Node's measurement of the event loop, which it counts as delay. */
const delayResolutionMs = 1;

/**
 * Measures the encoder in `dir` with prompts of several lengths: one at a time, then many in flight.
 * @throws EncoderError when it cannot be opened.
 */
export async function benchmarkEncoder(
  dir: string,
  options: EncoderBenchmarkOptions = {},
): Promise<EncoderBenchmark> {
  const { seconds = defaultSeconds, inFlight = defaultInFlight, chars = defaultChars, ...rest } = options;
  const encoder = await SentenceEncoder.open(dir, rest);
  const levels: EncoderLevel[] = [];
  try {
    for (const length of chars) {
      const texts = madeUpPrompts(length);
      await load(encoder, texts, inFlight, Math.min(seconds, warmUpSeconds));
      const before = encoder.counts;
      const one = await load(encoder, texts, 1, seconds);
      const many = await load(encoder, texts, inFlight, seconds);
      const { tokens, texts: asked } = encoder.counts;
      levels.push({
        chars: length,
        tokens: Math.round((tokens - before.tokens) / (asked - before.texts)),
        one,
        many,
        ratio: rounded(many.prompts_per_s / one.prompts_per_s),
      });
    }
  } finally {
    await encoder.close();
  }
  const { dimensions, maxTokens, model } = encoder;
  return {
    model: model.name,
    dimensions,
    max_tokens: maxTokens,
    processors: availableParallelism(),
    levels,
  };
}

async function load(
  encoder: SentenceEncoder,
  texts: readonly string[],
  inFlight: number,
  seconds: number,
): Promise<EncoderLoad> {
  const latencies: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  const tokensBefore = encoder.counts.tokens;
  let next = 0;
  delay.enable();
  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  const ask = async (): Promise<void> => {
    do {
      const asked = performance.now();
      await encoder.encode([texts[next++ % texts.length]!]);
      latencies.push(performance.now() - asked);
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  const elapsed = (performance.now() - begin) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  delay.disable();
  latencies.sort((a, b) => a - b);
  const quantile = (of: number) => rounded(latencies[Math.floor((latencies.length - 1) * of)]!);
  const late = (nanoseconds: number) => rounded(Math.max(0, nanoseconds / 1e6 - delayResolutionMs));
  return {
    in_flight: inFlight,
    prompts: latencies.length,
    prompts_per_s: rounded(latencies.length / elapsed),
    tokens_per_s: Math.round((encoder.counts.tokens - tokensBefore) / elapsed),
    p50_ms: quantile(0.5),
    p99_ms: quantile(0.99),
    cpu_ms_per_prompt: rounded((cpu.user + cpu.system) / 1_000 / latencies.length),
    event_loop_delay_ms: {
      p50: late(delay.percentile(50)),
      p99: late(delay.percentile(99)),
      max: late(delay.max),
    },
  };
}

const words =
  "how do i write a small function that reads the lines of a large file and counts each word in python explain why the sky looks blue in simple terms for children plan three days of travel through northern italy with two kids compare both offers then draft a polite answer to my landlord about heating costs".split(
    " ",
  );

/** 1,024 prompts of `chars` characters, always the same. */
function madeUpPrompts(chars: number): string[] {
  let state = 1;
  // Numerical Recipes' linear congruential generator: enough to mix words.
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  return Array.from({ length: 1_024 }, () => {
    let text = "";
    while (text.length < chars) text += `${words[Math.floor(random() * words.length)]!} `;
    return text.slice(0, chars).trim();
  });
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
