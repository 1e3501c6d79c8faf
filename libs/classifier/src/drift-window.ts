/** Whether live traffic still looks like what a router was trained on. */
import type { Drift } from "@expert-router/contracts";
import type { RouterManifest } from "./manifest.js";

/** Above it the live distribution counts as another one; 0.1 is the usual bound below which nothing has moved. */
export const driftThreshold = 0.25;
const movingThreshold = 0.1;

/** Decisions that are compared: the newest. */
export const driftWindowSize = 5_000;

/** Below it chance alone moves the figures: k classes give an index of about (k − 1) / n without any drift. */
const leastPrompts = 500;

/** A share that no class falls below in the comparison, so that an empty one does not make the index infinite. */
const leastShare = 1e-4;

const bins = 10;

/** What the training report says about prompts that the router was not trained on, or the closest to it that it has. */
export interface DriftReference {
  readonly labels: readonly string[];
  /** Share of each class, in the order of the labels. */
  readonly classShares: readonly number[];
  /** Share of each tenth of confidence; undefined where the report has none. */
  readonly confidenceShares?: readonly number[] | undefined;
}

/** The reference in a manifest: its `training.reference`, or else the prompts that each class was trained on. */
export function driftReference(manifest: RouterManifest): DriftReference {
  const { reference } = manifest.training;
  const classes = manifest.experts;
  return {
    labels: classes.map(({ name }) => name),
    classShares: shares(reference?.class_shares ?? classes.map(({ prompts }) => prompts)),
    ...(reference && { confidenceShares: shares(reference.confidence_histogram) }),
  };
}

/** One decision as the window sees it. */
export interface ObservedDecision {
  /** The most probable class. */
  readonly cluster: string;
  /** Its probability. */
  readonly clusterProbability: number;
  /** Probability of the most probable expert. */
  readonly confidence: number;
  readonly belowThreshold: boolean;
  /** No feature of the text is known to the router. */
  readonly unknown: boolean;
}

/** The newest decisions of one router, counted as they come and go; constant memory, constant time. */
export class DriftWindow {
  private readonly classOf: Uint16Array;
  private readonly binOf: Uint8Array;
  private readonly confidenceOf: Float32Array;
  /** Bit 0: below the threshold, bit 1: unknown. */
  private readonly flagsOf: Uint8Array;
  private readonly classCounts: Uint32Array;
  private readonly binCounts = new Uint32Array(bins);
  private readonly indexOf: ReadonlyMap<string, number>;
  private confidenceSum = 0;
  private belowThreshold = 0;
  private unknown = 0;
  private next = 0;
  private held = 0;

  constructor(
    private readonly reference: DriftReference,
    private readonly size = driftWindowSize,
  ) {
    this.classOf = new Uint16Array(size);
    this.binOf = new Uint8Array(size);
    this.confidenceOf = new Float32Array(size);
    this.flagsOf = new Uint8Array(size);
    this.classCounts = new Uint32Array(reference.labels.length);
    this.indexOf = new Map(reference.labels.map((label, index) => [label, index]));
  }

  /** Counts a decision; the oldest one goes when the window is full. A class of another router is not counted. */
  add(decision: ObservedDecision): void {
    const index = this.indexOf.get(decision.cluster);
    if (index === undefined) return;
    const at = this.next;
    if (this.held === this.size) this.count(at, -1);
    else this.held++;
    this.classOf[at] = index;
    this.binOf[at] = Math.min(bins - 1, Math.floor(decision.clusterProbability * bins));
    this.confidenceOf[at] = decision.confidence;
    this.flagsOf[at] = (decision.belowThreshold ? 1 : 0) | (decision.unknown ? 2 : 0);
    this.count(at, 1);
    this.next = (at + 1) % this.size;
  }

  /** The window against the reference, for the router of `version`. */
  summary(version: string): Drift {
    const { labels, classShares, confidenceShares } = this.reference;
    const total = Math.max(1, this.held);
    const live = [...this.classCounts].map((count) => count / total);
    const classPsi = this.held === 0 ? 0 : stabilityIndex(live, classShares);
    const confidencePsi =
      confidenceShares === undefined || this.held === 0
        ? null
        : stabilityIndex(
            [...this.binCounts].map((count) => count / total),
            confidenceShares,
          );
    return {
      router_version: version,
      prompts: this.held,
      window: this.size,
      verdict: verdict(this.held, Math.max(classPsi, confidencePsi ?? 0)),
      class_psi: classPsi,
      confidence_psi: confidencePsi,
      below_threshold_share: this.belowThreshold / total,
      unknown_share: this.unknown / total,
      mean_confidence: Math.max(0, this.confidenceSum / total),
      classes: labels.map((name, index) => ({ name, share: live[index]!, expected: classShares[index]! })),
    };
  }

  private count(at: number, by: 1 | -1): void {
    this.classCounts[this.classOf[at]!]! += by;
    this.binCounts[this.binOf[at]!]! += by;
    this.confidenceSum += by * this.confidenceOf[at]!;
    this.belowThreshold += by * (this.flagsOf[at]! & 1);
    this.unknown += by * (this.flagsOf[at]! >> 1);
  }
}

/**
 * Population stability index, Σ (p − q) · ln(p / q): the symmetric relative entropy of two distributions, as credit scoring
 * uses it with the bounds 0.1 and 0.25.
 */
export function stabilityIndex(live: readonly number[], expected: readonly number[]): number {
  return live.reduce((total, share, index) => {
    const p = Math.max(share, leastShare);
    const q = Math.max(expected[index]!, leastShare);
    return total + (p - q) * Math.log(p / q);
  }, 0);
}

function verdict(held: number, index: number): Drift["verdict"] {
  if (held < leastPrompts) return "too-few";
  if (index > driftThreshold) return "drifted";
  return index > movingThreshold ? "moving" : "steady";
}

function shares(counts: readonly number[]): number[] {
  const total = sum(counts) || 1;
  return counts.map((count) => count / total);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
