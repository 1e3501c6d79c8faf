import type { RouterManifest } from "@expert-router/classifier";
import type { TrainingSet } from "../training/training-set.js";
import { clusterSection } from "./cluster-section.js";
import { sizeChart } from "./data-charts.js";
import { summarizeData, type LabelSummary } from "./data-summary.js";
import { heldOutSections } from "./held-out-sections.js";
import { escapeHtml, percent } from "./html-text.js";
import { pageStyle } from "./page-style.js";

/** Sources named for one label. */
const shownSources = 8;

/** The training report as one HTML page: no script, nothing loaded, every text of the data escaped. */
export function reportPage(manifest: RouterManifest, set: TrainingSet): string {
  const { training, version } = manifest;
  const title = `Router ${version}`;
  const clustered = training.method === "kmeans";
  const heldOut = training.held_out;
  const judged =
    heldOut === null ? undefined : heldOut.whole_sources.n > 0 ? heldOut.whole_sources : heldOut.all;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>Training report</h1>
<p class="faint">Router <code>${escapeHtml(version)}</code> · ${clustered ? "found by clustering" : "learned from labels"} (${escapeHtml(training.method)}) · seed ${training.seed}</p>
</header>
<ul class="tiles">${tiles(manifest, judged)}</ul>
<p class="note">${explainHeldOut(manifest)}</p>
${judged === undefined ? "" : heldOutSections(judged)}
${clustered ? clusterSection(manifest) : ""}
${dataSection(set)}
<section><h2>Parameters</h2>
<div class="scroll"><table><tbody>${Object.entries(training.parameters)
    .map(([name, value]) => `<tr><td><code>${escapeHtml(name)}</code></td><td>${value}</td></tr>`)
    .join("")}</tbody></table></div></section>
<footer>The figures are those of router.json beside this page's artifact. Made by <code>expert-router train</code>.</footer>
</body>
</html>
`;
}

function tiles(
  manifest: RouterManifest,
  judged: NonNullable<RouterManifest["training"]["held_out"]>["all"] | undefined,
): string {
  const figures: [string, string][] = [
    [manifest.training.prompts.toLocaleString("en"), "prompts trained on"],
    [String(manifest.experts.length), manifest.head.kind === "centroids" ? "clusters" : "labels"],
  ];
  if (judged !== undefined) {
    figures.push(
      [percent(judged.accuracy), "accuracy, held out"],
      [percent(judged.macro_f1), "macro F1, held out"],
    );
    if (judged.top2_accuracy !== undefined)
      figures.push([percent(judged.top2_accuracy), "among the best two"]);
    if (judged.calibration !== undefined)
      figures.push([percent(judged.calibration.ece), "calibration error"]);
    if (judged.brier !== undefined) figures.push([judged.brier.toFixed(3), "Brier score"]);
  } else {
    const sizes = (manifest.training.clusters?.clusters ?? manifest.experts).map(({ prompts }) => prompts);
    if (sizes.length !== manifest.experts.length) figures.push([String(sizes.length), "clusters"]);
    figures.push(
      [String(Math.min(...sizes)), "prompts in the smallest cluster"],
      [String(Math.max(...sizes)), "prompts in the largest cluster"],
    );
  }
  return figures
    .map(([value, name]) => `<li><b>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span></li>`)
    .join("");
}

function explainHeldOut({ training }: RouterManifest): string {
  const heldOut = training.held_out;
  if (heldOut === null)
    return "Nothing is held out of clustering: <code>expert-router eval</code> judges the router on prompts with domains.";
  const { whole_sources: whole, all, folds } = heldOut;
  return whole.n === 0
    ? `All figures are of ${all.n} prompts in ${folds} folds, each left out row by row while the rest was trained on. No source could be left out whole, so expect less on prompts from elsewhere.`
    : `All figures are of ${whole.n} prompts in ${folds} folds, whose whole source was left out while the rest was trained on: what to expect on prompts from somewhere new. With all ${all.n} prompts, those of dominant sources left out row by row, accuracy is ${percent(all.accuracy)}.`;
}

function dataSection(set: TrainingSet): string {
  const labels = summarizeData(set.examples);
  const left = [
    `${set.read} prompts read`,
    ...(set.duplicates > 0 ? [`${set.duplicates} duplicates left out`] : []),
    ...(set.excluded > 0 ? [`${set.excluded} of excluded sources left out`] : []),
    ...(set.conflicting > 0 ? [`${set.conflicting} with several domains left out`] : []),
  ];
  const chart =
    labels.length < 2
      ? ""
      : `<figure>${sizeChart(
          labels.map(({ label, prompts }) => [label, prompts] as const),
          "Prompts of every label",
        )}</figure>`;
  return `<section><h2>Data</h2><p class="note">${left.join("; ")}.</p>${chart}
<div class="scroll"><table><thead><tr><th>label</th><th>prompts</th><th>sources</th><th class="text">largest sources</th></tr></thead><tbody>${labels.map(dataRow).join("")}</tbody></table></div></section>`;
}

function dataRow({ label, prompts, sources }: LabelSummary): string {
  const named = sources.slice(0, shownSources).map(([source, count]) => `${source} ${count}`);
  if (sources.length > shownSources) named.push("…");
  return `<tr><td>${escapeHtml(label)}</td><td>${prompts}</td><td>${sources.length}</td><td class="text">${escapeHtml(named.join(", "))}</td></tr>`;
}
