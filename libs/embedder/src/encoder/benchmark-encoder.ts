import { monitorEventLoopDelay } from "node:perf_hooks";
import { SentenceEncoder, type SentenceEncoderOptions } from "./sentence-encoder.js";

export interface EncoderBenchmarkOptions extends SentenceEncoderOptions {
  /** Seconds a way of asking is measured. Default 10. */
  readonly seconds?: number;
  /** Calls under way at once in the second way. Default 32. */
  readonly inFlight?: number;
  /** Prompts to encode. Default: made up, 100 to 400 characters long. */
  readonly texts?: readonly string[];
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

export interface EncoderBenchmark {
  readonly model: string;
  readonly dimensions: number;
  readonly max_tokens: number;
  readonly one: EncoderLoad;
  readonly many: EncoderLoad;
  /** Prompts per second of `many`, over those of `one`. */
  readonly ratio: number;
}

const defaultSeconds = 10;
const defaultInFlight = 32;
const warmUpSeconds = 1;
/** Resolution of Node's measurement of the event loop, which it counts as delay. */
const delayResolutionMs = 1;

/**
 * Measures the encoder in `dir`: one prompt at a time, then many in flight.
 * @throws EncoderError when it cannot be opened.
 */
export async function benchmarkEncoder(
  dir: string,
  options: EncoderBenchmarkOptions = {},
): Promise<EncoderBenchmark> {
  const { seconds = defaultSeconds, inFlight = defaultInFlight, texts = madeUpPrompts(), ...rest } = options;
  const encoder = await SentenceEncoder.open(dir, rest);
  try {
    await load(encoder, texts, inFlight, Math.min(seconds, warmUpSeconds));
    const one = await load(encoder, texts, 1, seconds);
    const many = await load(encoder, texts, inFlight, seconds);
    return {
      model: encoder.model.name,
      dimensions: encoder.dimensions,
      max_tokens: encoder.maxTokens,
      one,
      many,
      ratio: rounded(many.prompts_per_s / one.prompts_per_s),
    };
  } finally {
    await encoder.close();
  }
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

/** 1,024 prompts of 100 to 400 characters, always the same. */
function madeUpPrompts(): string[] {
  let state = 1;
  // Numerical Recipes' linear congruential generator: enough to mix words.
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  return Array.from({ length: 1_024 }, () => {
    const chars = 100 + Math.floor(random() * 300);
    let text = "";
    while (text.length < chars) text += `${words[Math.floor(random() * words.length)]!} `;
    return text.slice(0, chars).trim();
  });
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
