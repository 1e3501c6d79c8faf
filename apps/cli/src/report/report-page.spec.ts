import { expect, it } from "vitest";
import { EvaluationTally, type RouterManifest } from "@expert-router/classifier";
import type { TrainingSet } from "../training/training-set.js";
import { reportPage } from "./report-page.js";

const evil = `</text><script>alert("x")</script><img src=x onerror='1'>&`;

function manifestOf(labels: readonly string[], clustered = false): RouterManifest {
  const tally = new EvaluationTally(labels);
  for (let row = 0; row < 60; row++) {
    const truth = row % labels.length;
    const probabilities = labels.map((_, label) =>
      label === (row % 7 === 0 ? 0 : truth) ? 0.7 : 0.3 / labels.length,
    );
    tally.addDistribution(truth, probabilities, row % 2 === 0 ? evil : "plain");
  }
  const evaluation = tally.summarize();
  const file = { sha256: "0".repeat(64), bytes: 1 };
  return {
    format: 1,
    version: "tfidf-test",
    embedder: { kind: "tfidf", features: 10, max_chars: 4_000 },
    head: { kind: clustered ? "centroids" : "linear" },
    experts: labels.map((label, index) => ({
      name: clustered ? String(index) : label,
      label,
      prompts: 10 + index,
    })),
    training: {
      method: clustered ? "kmeans" : "linear-svm",
      seed: 1,
      prompts: 60,
      parameters: { cost: 1 },
      ...(clustered && {
        clusters: {
          clusters: labels.map((_, cluster) => {
            const terms = [evil, "ordinary term"];
            return {
              cluster,
              prompts: 10 + cluster,
              label: labels[cluster],
              terms,
              nearest: 12,
              silhouette: 0.125,
              purity: 0.5,
            };
          }),
        },
      }),
      held_out: clustered ? null : { folds: 3, whole_sources: evaluation, all: evaluation },
    },
    files: { "router.onnx": file, "vocabulary.bin": file },
  } as unknown as RouterManifest;
}

const set: TrainingSet = {
  examples: [
    { text: "secret prompt", domain: evil, source: evil },
    { text: "b", domain: "b" },
    { text: "c" },
  ],
  read: 5,
  excluded: 0,
  duplicates: 2,
  conflicting: 0,
};

it("shows figures, charts and data, the same for the same training", () => {
  const page = reportPage(manifestOf(["a", "b", "c"]), set);
  for (const title of [
    "Labels",
    "Confusion",
    "Reliability",
    "Coverage and accuracy",
    "Sources",
    "Data",
    "Parameters",
  ])
    expect(page).toContain(`<h2>${title}</h2>`);
  expect(page.match(/<svg /g)).toHaveLength(5);
  expect(page).toContain("5 prompts read; 2 duplicates left out.");
  expect(page).toMatch(/<b>\d+\.\d %<\/b><span>accuracy, held out/);
  expect(reportPage(manifestOf(["a", "b", "c"]), set)).toBe(page);
});

it("shows clusters with their sizes and terms", () => {
  const page = reportPage(manifestOf(["x", "x", "y"], true), set);
  expect(page).toContain("<h2>Clusters</h2>");
  expect(page).toContain("ordinary term");
  expect(page).toContain('<td>0</td><td>10</td><td>12</td><td>0.13</td><td class="text">x (50.0 %)</td>');
  expect(page).not.toContain("<h2>Confusion</h2>");
});

it("runs and loads nothing, whatever labels, sources and terms say", () => {
  for (const page of [
    reportPage(manifestOf([evil, "b", "c"]), set),
    reportPage(manifestOf([evil, "b"], true), set),
  ]) {
    expect(page).not.toMatch(/<script|<img|onerror='|<link|<iframe|@import/i);
    expect(page.replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, "")).not.toMatch(/https?:\/\//);
    expect(page).toContain("default-src 'none'");
    expect(page).not.toContain("secret prompt");
    // Every attribute ends where it should: nothing but known tags is left after the text is taken away.
    const tags = new Set([...page.matchAll(/<([a-zA-Z]+)/g)].map(([, tag]) => tag!));
    for (const tag of tags)
      expect(
        "html head meta title style body header h p code ul li b span section figure svg rect path text g defs clipPath div table thead tbody tr th td footer".split(
          " ",
        ),
      ).toContain(tag);
  }
});

it("stands hundreds of labels", () => {
  const labels = Array.from({ length: 60 }, (_, at) => `label-${at}`);
  const page = reportPage(manifestOf(labels), set);
  expect(page).toContain("60 labels are too many for a heat map");
  expect(page.length).toBeLessThan(1_000_000);
});
