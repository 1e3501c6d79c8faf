import type { IngressSettings } from "@expert-router/config";
import type { Lifecycle } from "@expert-router/lifecycle";
import type { Logger, Metrics } from "@expert-router/telemetry";

/** Times and bounds of an ingress that an operator has no reason to touch; tests do. */
export interface IngressTuning {
  /** Largest request body. */
  readonly bodyLimitBytes: number;
  /** Time in the queue after which a stream sends headers and comments, and between two comments. */
  readonly waitingCommentAfterMs: number;
  /** Time in the queue after which a stream is told its place, and between two times; and between two rounds of asking. */
  readonly placeAfterMs: number;
  readonly placeEveryMs: number;
  readonly placeRoundMs: number;
  /** Between two comments on a stream of job events. */
  readonly pingMs: number;
  /** Between two looks at queues and workers; each is varied by a fifth, so that replicas do not act in step. */
  readonly pollMs: number;
  readonly reapMs: number;
  readonly deadlineSweepMs: number;
  readonly lostSweepMs: number;
  /** Between two looks for batches that nobody runs, and between two looks after those that run here. */
  readonly batchLookMs: number;
  readonly batchTickMs: number;
  /** Time that an answer has behind its deadline to reach its client. */
  readonly lateGraceMs: number;
}

export const defaultTuning: IngressTuning = {
  bodyLimitBytes: 4 * 1024 * 1024,
  waitingCommentAfterMs: 12_000,
  placeAfterMs: 2_000,
  placeEveryMs: 5_000,
  placeRoundMs: 250,
  pingMs: 15_000,
  pollMs: 250,
  reapMs: 200,
  deadlineSweepMs: 1_000,
  lostSweepMs: 5_000,
  batchLookMs: 2_000,
  batchTickMs: 1_000,
  lateGraceMs: 5_000,
};

/** What an ingress is built from. */
export interface IngressContext {
  /** Names this process among all ingress processes. */
  readonly ingressId: string;
  readonly settings: IngressSettings;
  readonly tuning: IngressTuning;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly logger: Logger;
}
