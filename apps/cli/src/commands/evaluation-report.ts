import type { Evaluation, Robustness } from "@expert-router/classifier";
import type { AgainstFigures } from "../evaluation/comparison.js";
import type { RoutingFigures } from "../evaluation/routing-tally.js";

/** What `eval --json` prints. */
export interface EvaluationReport extends Evaluation {
  /** Time of one `classify` call with nothing else under way, features included, in microseconds. */
  readonly classify_us: { readonly p50: number; readonly p99: number };
  /** Prompts a second with up to 256 calls under way; reading the file is not counted. */
  readonly prompts_per_s: number;
  /** With `--config` or `--threshold`. */
  readonly routing?: RoutingFigures | undefined;
  /** With `--against`. */
  readonly against?: AgainstFigures | undefined;
  /** With `--robustness`. */
  readonly robustness?: Robustness | undefined;
}
