import { describe, expect, it } from "vitest";
import { trainOnClusters } from "./cluster-training.js";
import { mapClustersToLabels } from "./clusters/few-label-mapping.js";
import { plantedPoints } from "./clusters/planted-points.fixture.js";
import { scoreDense } from "./clusters/softmax-regression.js";
import { clusterBalanced } from "./balanced-clusters.js";
import type { PromptExample } from "./prompt-example.js";
import { SeededRandom } from "./seeded-random.js";
import { trainingReportSchema } from "./trained-router.js";

const groups = 12;
const dimensions = 24;

/** Share of fresh points whose label is found, with `perLabel` labelled points; a label is three planted groups. */
function accuracyWith(perLabel: number, spread: number, clustered = true): number {
  const { points, groups: own } = plantedPoints(3_600, dimensions, groups, spread);
  const trained = points.subarray(0, 2_400 * dimensions);
  const seen = new Int32Array(4);
  const truths = own.subarray(0, 2_400).map((group) => (seen[group % 4]!++ < perLabel ? group % 4 : -1));
  const clusters = clusterBalanced(trained, dimensions, clustered ? 16 : 1, { seed: 1 });
  const { model } = mapClustersToLabels(trained, dimensions, clusters, truths, 4, 1);
  const scores = new Float64Array(4);
  let right = 0;
  for (let row = 2_400; row < 3_600; row++) {
    scoreDense(model, points, row * dimensions, scores);
    if (scores.indexOf(Math.max(...scores)) === own[row]! % 4) right++;
  }
  return right / 1_200;
}

describe("mapClustersToLabels", () => {
  it("finds the labels of planted groups from six labelled points of each label", () => {
    expect(accuracyWith(6, 0.6)).toBeGreaterThan(0.91);
  });

  it("learns from the points without labels: clusters beat the same labels without them", () => {
    expect(accuracyWith(6, 0.8)).toBeGreaterThan(accuracyWith(6, 0.8, false) + 0.03);
  });

  it("gives p(label | cluster) that add up to 1 and name the planted label", () => {
    const { points, groups: own } = plantedPoints(1_200, dimensions, groups, 0.4);
    const clusters = clusterBalanced(points, dimensions, groups, { seed: 1 });
    const truths = own.map((group, row) => (row < 60 ? group % 4 : -1));
    const { labelsOfClusters } = mapClustersToLabels(points, dimensions, clusters, truths, 4, 1);
    for (let cluster = 0; cluster < groups; cluster++) {
      const of = [...labelsOfClusters.subarray(cluster * 4, cluster * 4 + 4)];
      expect(of.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
      expect(of.indexOf(Math.max(...of))).toBe(own[clusters.assignment.indexOf(cluster)]! % 4);
    }
  });
});

const themes = {
  cooking: "oven flour butter bake simmer onion sauce recipe garlic dough".split(" "),
  sailing: "harbour mast anchor wind keel sail tide rudder knot deck".split(" "),
  chess: "bishop rook pawn gambit castle checkmate queen endgame knight tempo".split(" "),
};

/** Prompts of three themes, of which the first `labelled` of each carry their label. */
function prompts(perTheme: number, labelled: number): PromptExample[] {
  const random = new SeededRandom(11);
  return Object.entries(themes).flatMap(([domain, words]) =>
    Array.from({ length: perTheme }, (_, row) => ({
      text: `how do i ${Array.from({ length: 4 }, () => words[random.nextBelow(10)]).join(" ")}`,
      ...(row < labelled && { domain }),
    })),
  );
}

describe("trainOnClusters with few labels", () => {
  const options = { clusters: 6, seed: 1 } as const;
  const router = trainOnClusters(prompts(60, 4), options);

  it("makes a router whose classes are the labels, so that a configuration can name them", () => {
    expect(router.classes).toEqual(
      ["chess", "cooking", "sailing"].map((name) => ({ name, label: name, prompts: 4 })),
    );
    expect(router.head.kind === "centroids" && router.head.offsets.length).toBe(3);
    expect(router.training.parameters).toMatchObject({ clusters: 6, labelled: 12 });
  });

  it("describes the clusters: sizes, terms, labels", () => {
    const report = trainingReportSchema.parse(router.training).clusters!;
    expect([report.smallest, report.largest]).toEqual([30, 30]);
    const marked = report.clusters.filter(({ label }) => label !== null);
    expect(marked.length).toBeGreaterThanOrEqual(3);
    for (const { label, terms, purity } of marked) {
      expect(purity).toBe(1);
      expect(themes[label as keyof typeof themes]).toContain(terms[0]);
    }
  });

  it("comes out the same to the last bit", () => {
    const { head, training } = trainOnClusters(prompts(60, 4), options);
    expect(JSON.stringify([head, training])).toBe(JSON.stringify([router.head, router.training]));
  });

  it("says which labels are too few", () => {
    const lone = prompts(60, 0).map((prompt, row) => (row < 5 ? { ...prompt, domain: "x" } : prompt));
    expect(() => trainOnClusters(lone, options)).toThrow(/at least two labels.*only 'x'/);
    lone[9] = { ...lone[9]!, domain: "y" };
    expect(() => trainOnClusters(lone, options)).toThrow(/at least 3 prompts of each label.*fewer: y/);
    expect(() => trainOnClusters(prompts(60, 0), { ...options, classes: "labels" })).toThrow(/no prompt has/);
  });
});
