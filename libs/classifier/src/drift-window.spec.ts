import { describe, expect, it } from "vitest";
import { driftReference, DriftWindow, stabilityIndex, type ObservedDecision } from "./drift-window.js";
import type { RouterManifest } from "./manifest.js";

const reference = { labels: ["a", "b", "c"], classShares: [0.5, 0.3, 0.2] };
const decision = (cluster: string, changes: Partial<ObservedDecision> = {}): ObservedDecision => ({
  cluster,
  clusterProbability: 0.8,
  confidence: 0.8,
  belowThreshold: false,
  unknown: false,
  ...changes,
});
/** Ten decisions in the proportions of the reference. */
const tenAsExpected = "aaaaabbbcc".split("").map((name) => decision(name));

describe("DriftWindow", () => {
  it("is steady on what it was trained on, and says drifted when a class takes over", () => {
    const window = new DriftWindow(reference);
    for (let round = 0; round < 49; round++) for (const one of tenAsExpected) window.add(one);
    expect(window.summary("v1").verdict).toBe("too-few");
    for (const one of tenAsExpected) window.add(one);
    expect(window.summary("v1")).toMatchObject({ prompts: 500, verdict: "steady", class_psi: 0 });
    for (let round = 0; round < 600; round++) window.add(decision("c"));
    const { verdict, class_psi: index, classes } = window.summary("v1");
    expect(verdict).toBe("drifted");
    expect(index).toBeGreaterThan(0.25);
    expect(classes[2]).toEqual({ name: "c", share: 700 / 1_100, expected: 0.2 });
  });

  it("forgets the oldest, and every figure with it", () => {
    const window = new DriftWindow({ ...reference, confidenceShares: Array<number>(10).fill(0.1) }, 20);
    for (let i = 0; i < 20; i++)
      window.add(
        decision("c", { clusterProbability: 1, confidence: 1, belowThreshold: true, unknown: true }),
      );
    expect(window.summary("v1")).toMatchObject({
      below_threshold_share: 1,
      unknown_share: 1,
      mean_confidence: 1,
    });
    for (const one of [...tenAsExpected, ...tenAsExpected]) window.add(one);
    const summary = window.summary("v1");
    expect(summary).toMatchObject({ prompts: 20, below_threshold_share: 0, unknown_share: 0, class_psi: 0 });
    expect(summary.mean_confidence).toBeCloseTo(0.8);
    expect(summary.confidence_psi).toBeGreaterThan(1);
  });

  it("leaves out what another router decided", () => {
    const window = new DriftWindow(reference);
    window.add(decision("x"));
    expect(window.summary("v1").prompts).toBe(0);
  });
});

describe("stabilityIndex", () => {
  it("is that of the formula, and finite for an empty class", () => {
    expect(stabilityIndex([0.6, 0.4], [0.5, 0.5])).toBeCloseTo(
      0.1 * Math.log(0.6 / 0.5) - 0.1 * Math.log(0.4 / 0.5),
    );
    expect(stabilityIndex([1, 0], [0.5, 0.5])).toBeLessThan(6);
  });
});

describe("driftReference", () => {
  const manifest = (training: object) =>
    ({
      experts: [
        { name: "a", label: "a", prompts: 30 },
        { name: "b", label: "b", prompts: 10 },
      ],
      training,
    }) as unknown as RouterManifest;

  it("takes what was measured, or else the counts of training", () => {
    expect(driftReference(manifest({}))).toEqual({ labels: ["a", "b"], classShares: [0.75, 0.25] });
    const histogram = [0, 0, 0, 0, 0, 0, 0, 0, 1, 3];
    expect(
      driftReference(manifest({ reference: { class_shares: [0.4, 0.6], confidence_histogram: histogram } })),
    ).toEqual({
      labels: ["a", "b"],
      classShares: [0.4, 0.6],
      confidenceShares: histogram.map((count) => count / 4),
    });
  });
});
