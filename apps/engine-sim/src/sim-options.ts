import { parseArgs } from "node:util";
import { defaultFailureTypes, faults, type Fault } from "./fault.js";
import { maxTimeFactor } from "./time-factor.js";

/** How the simulator behaves. Names follow llm-d-inference-sim's flags. */
export interface EngineSimOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The served model; its name always contains "simulated". */
  readonly model: string;
  /** Requests generated at once; more wait in order of arrival. */
  readonly maxNumSeqs: number;
  /** Milliseconds from admission to the first token. */
  readonly timeToFirstTokenMs: number;
  /** Milliseconds between tokens. */
  readonly interTokenLatencyMs: number;
  /** Both latencies are multiplied by a factor that grows linearly from 1 (one request) to this (`maxNumSeqs`). */
  readonly timeFactorUnderLoad: number;
  /** Both latencies are multiplied by this; `POST /sim/time-factor` changes it during a run. */
  readonly timeFactor: number;
  /** Message boundaries that the simulated prefix cache holds; 0: there is none. */
  readonly prefixCacheSize: number;
  /** The part of a prompt that is held counts for so many times less in the time to first token. */
  readonly prefixCacheSpeedup: number;
  readonly seed: number;
  /** Tokens of an answer whose request names no `max_tokens`; undefined: the text's natural length. */
  readonly maxTokensDefault?: number | undefined;
  /** Share of requests, 0 to 1, that meet a fault by chance. */
  readonly failureInjectionRate: number;
  /** The faults that those meet. */
  readonly failureTypes: readonly Fault[];
  /** Seconds in the `retry-after` of injected 429 and 503 answers. */
  readonly retryAfterS: number;
}

export const defaultEngineSimOptions: EngineSimOptions = {
  host: "127.0.0.1",
  port: 8000,
  model: "simulated-model",
  maxNumSeqs: 1024,
  timeToFirstTokenMs: 20,
  interTokenLatencyMs: 10,
  timeFactorUnderLoad: 1,
  timeFactor: 1,
  prefixCacheSize: 0,
  prefixCacheSpeedup: 10,
  seed: 1,
  failureInjectionRate: 0,
  failureTypes: defaultFailureTypes,
  retryAfterS: 2,
};

/** Greatest `max_tokens` a request may ask for. */
export const maxModelTokens = 262_144;

/** `name`, with `-simulated` behind it if it does not say so itself: nobody shall take the text for a model's. */
export function servedModelName(name: string): string {
  return name.includes("simulated") ? name : `${name}-simulated`;
}

const flags = {
  host: { type: "string" },
  port: { type: "string" },
  model: { type: "string" },
  "max-num-seqs": { type: "string" },
  "time-to-first-token": { type: "string" },
  "inter-token-latency": { type: "string" },
  "time-factor-under-load": { type: "string" },
  "time-factor": { type: "string" },
  "prefix-cache-size": { type: "string" },
  "prefix-cache-speedup": { type: "string" },
  seed: { type: "string" },
  "max-tokens-default": { type: "string" },
  "failure-injection-rate": { type: "string" },
  "failure-types": { type: "string" },
  "retry-after": { type: "string" },
} as const;

/** Options from a command line. Throws an Error that names every flag with a bad value. */
export function parseEngineSimArguments(args: readonly string[]): EngineSimOptions {
  const { values } = parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false });
  const problems: string[] = [];
  const number = (
    flag: keyof typeof values,
    fallback: number,
    min: number,
    max: number,
    whole = false,
  ): number => {
    const text = values[flag];
    if (text === undefined) return fallback;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    problems.push(
      `--${flag} must be ${whole ? "a whole number" : "a number"} from ${min} to ${max}, not '${text}'`,
    );
    return fallback;
  };
  const defaults = defaultEngineSimOptions;
  const options: EngineSimOptions = {
    host: values.host ?? defaults.host,
    port: number("port", defaults.port, 0, 65_535, true),
    model: servedModelName(values.model ?? defaults.model),
    maxNumSeqs: number("max-num-seqs", defaults.maxNumSeqs, 1, 100_000, true),
    timeToFirstTokenMs: number("time-to-first-token", defaults.timeToFirstTokenMs, 0, 3_600_000),
    interTokenLatencyMs: number("inter-token-latency", defaults.interTokenLatencyMs, 0, 3_600_000),
    timeFactorUnderLoad: number("time-factor-under-load", defaults.timeFactorUnderLoad, 1, 1_000),
    timeFactor: number("time-factor", defaults.timeFactor, 0.001, maxTimeFactor),
    prefixCacheSize: number("prefix-cache-size", defaults.prefixCacheSize, 0, 1_000_000, true),
    prefixCacheSpeedup: number("prefix-cache-speedup", defaults.prefixCacheSpeedup, 1, 1_000),
    seed: number("seed", defaults.seed, 0, 0xffff_ffff, true),
    maxTokensDefault:
      values["max-tokens-default"] === undefined
        ? undefined
        : number("max-tokens-default", 1, 1, maxModelTokens, true),
    failureInjectionRate: number("failure-injection-rate", defaults.failureInjectionRate, 0, 1),
    failureTypes:
      values["failure-types"] === undefined
        ? defaults.failureTypes
        : failureTypesOf(values["failure-types"], problems),
    retryAfterS: number("retry-after", defaults.retryAfterS, 0, 3_600, true),
  };
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return options;
}

function failureTypesOf(list: string, problems: string[]): Fault[] {
  const names = list.split(",").map((name) => name.trim());
  const known = names.flatMap((name) => faults.find((fault) => fault === name) ?? []);
  if (known.length < names.length)
    problems.push(`--failure-types must be a comma list of ${faults.join(", ")}, not '${list}'`);
  return known;
}
