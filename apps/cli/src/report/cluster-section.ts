import type { RouterClass, RouterManifest } from "@expert-router/classifier";
import { sizeChart } from "./data-charts.js";
import { escapeHtml, percent } from "./html-text.js";

/** Clusters that the page lists one by one. */
const shownClusters = 256;

/** Sizes of the clusters, and what each is about. Older artifacts have no more than the sizes. */
export function clusterSection({ training, experts }: RouterManifest): string {
  const report = training.clusters;
  const details = new Map(report?.clusters.map((of) => [String(of.cluster), of]));
  const clusters: readonly RouterClass[] =
    report?.clusters.map(({ cluster, prompts, label }) => ({ name: String(cluster), prompts, label })) ??
    experts;
  const classes = [...clusters].sort((a, b) => b.prompts - a.prompts);
  const labelled = classes.some(({ label }) => label !== null);
  const heads = [
    "<th>cluster</th><th>prompts</th>",
    details.size > 0 ? "<th>live</th><th>silhouette</th>" : "",
    labelled ? '<th class="text">commonest domain</th>' : "",
    details.size > 0 ? '<th class="text">words that mark it</th>' : "",
  ];
  const rows = classes.slice(0, shownClusters).map(({ name, prompts, label }) => {
    const detail = details.get(name);
    const purity = detail?.purity == null ? "" : ` (${percent(detail.purity)})`;
    return [
      `<tr><td>${escapeHtml(name)}</td><td>${prompts}</td>`,
      detail === undefined ? "" : `<td>${detail.nearest}</td><td>${detail.silhouette.toFixed(2)}</td>`,
      labelled ? `<td class="text">${escapeHtml((label ?? "–") + purity)}</td>` : "",
      detail === undefined ? "" : `<td class="text">${escapeHtml(detail.terms.join(", "))}</td>`,
      "</tr>",
    ].join("");
  });
  const more =
    classes.length > shownClusters
      ? `<p class="note">and ${classes.length - shownClusters} smaller ones</p>`
      : "";
  const chart = sizeChart(
    classes.map(({ name, prompts }) => [name, details.get(name)?.nearest ?? prompts] as const),
    details.size > 0 ? "Training prompts nearest to every centre" : "Prompts of every cluster",
  );
  const choice = training.cluster_count;
  const chosen =
    choice === undefined
      ? ""
      : `<p class="note">${choice.picked} clusters, the best of ${choice.candidates.map(({ clusters: count, score }) => `${count} (${score.toFixed(2)})`).join(", ")} by silhouette, stability and explained variance.</p>`;
  const explained =
    details.size > 0
      ? "Prompts: sizes in training, kept even. Live: training prompts nearest to each centre, as in the chart; live prompts go there too."
      : "Sizes in training, kept even. Live prompts go to the nearest centre, so that live load can be less even.";
  return `<section><h2>Clusters</h2>${chosen}<p class="note">${explained}</p>
<figure>${chart}</figure>
<div class="scroll"><table><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>${more}</section>`;
}
