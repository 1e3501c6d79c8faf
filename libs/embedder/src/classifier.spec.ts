import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainOnClusters, trainOnLabels, type TrainedRouter } from "@expert-router/classifier";
import { writeArtifact } from "./write-artifact.js";
import { Classifier } from "./classifier.js";
import { samplePrompts } from "./sample-prompts.fixture.js";

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "classifier-"))));
afterAll(() => rm(root, { recursive: true, force: true }));

/** What the graph has to compute, in plain numbers. */
function expectedProbabilities({ vocabulary, head }: TrainedRouter, text: string): number[] {
  const { ids, weights } = vocabulary.vectorize(text);
  const parts = head.kind === "linear" ? head.weights : head.projection;
  const rows = parts.flatMap(({ bytes, scales, columns, rows: count }) =>
    Array.from({ length: count }, (_, row) =>
      Array.from(scales, (scale, column) => bytes[row * columns + column]! * scale),
    ),
  );
  const sums = Array.from(parts[0]!.scales, (_, column) =>
    ids.reduce((sum, id, at) => sum + weights[at]! * rows[id]![column]!, 0),
  );
  let scores: number[];
  if (head.kind === "linear") {
    scores = sums.map((sum, label) => sum + head.biases[label]!);
  } else {
    const length = Math.hypot(...sums) || 1;
    scores = [...head.offsets].map((offset, cluster) =>
      sums.reduce(
        (score, value, d) => score + (value / length) * head.centers[d * head.offsets.length + cluster]!,
        offset,
      ),
    );
  }
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

const routers = {
  linear: trainOnLabels(samplePrompts(), { seed: 1 }),
  centroids: trainOnClusters(samplePrompts(), { clusters: 3, classes: "clusters", seed: 1 }),
};
const texts = [
  "bake the dough in the oven",
  "pawn takes queen",
  "",
  "completely unknown xyzzy",
  "日本",
  "the wind ".repeat(900),
];

describe.each(["linear", "centroids"] as const)("Classifier with a head of kind %s", (kind) => {
  let classifier: Classifier;
  beforeAll(async () => {
    await writeArtifact(join(root, kind), routers[kind]);
    classifier = await Classifier.load(join(root, kind));
  });
  afterAll(() => classifier.close());

  it("computes what the head says, alone and in one batch of unequal lengths", async () => {
    const together = await Promise.all(texts.map((text) => classifier.classify(text)));
    for (const [index, text] of texts.entries()) {
      const expected = expectedProbabilities(routers[kind], text);
      const alone = await classifier.classify(text);
      for (const [label, probability] of expected.entries()) {
        expect(alone.probabilities[label], text.slice(0, 20)).toBeCloseTo(probability, 4);
        expect(together[index]!.probabilities[label], text.slice(0, 20)).toBeCloseTo(probability, 4);
      }
    }
  });

  it("answers every one of many concurrent calls with its own result", async () => {
    const prompts = Array.from({ length: 500 }, (_, at) => samplePrompts()[at % 180]!);
    const results = await Promise.all(prompts.map(({ text }) => classifier.classify(text)));
    const names = classifier.manifest.experts.map((of) => of.label);
    for (const [at, { probabilities }] of results.entries()) {
      expect(names[probabilities.indexOf(Math.max(...probabilities))]).toBe(prompts[at]!.domain);
    }
  });

  it("goes on after a call made by the reader of an answer", async () => {
    const first = classifier.classify("bake");
    const second = first.then(() => classifier.classify("pawn"));
    const third = second.then(() => classifier.classify("anchor"));
    expect((await third).probabilities).toHaveLength(3);
  });
});

it("answers what was asked before it closes, and nothing afterwards", async () => {
  const classifier = await Classifier.load(join(root, "linear"));
  const asked = Promise.all(texts.map((text) => classifier.classify(text)));
  await classifier.close();
  expect(await asked).toHaveLength(texts.length);
  await expect(classifier.classify("late")).rejects.toThrow(/closed/);
  await classifier.close();
});
