import type { RouterManifest } from "@expert-router/classifier";
import { sizeChart } from "./data-charts.js";
import { escapeHtml, percent } from "./html-text.js";

/** Clusters that the page lists one by one. */
const shownClusters = 256;

/** What training wrote down of a cluster beside its size; older artifacts have none of it. */
interface ClusterDetail {
  readonly cluster: number;
  readonly terms: readonly string[];
  readonly nearest: number;
  readonly silhouette: number;
  readonly purity: number | null;
}

type ClusteredTraining = RouterManifest["training"] & {
  readonly clusters?: { readonly clusters: readonly ClusterDetail[] } | undefined;
};

/** Sizes of the clusters, and what each is about. */
export function clusterSection(manifest: RouterManifest): string {
  const training: ClusteredTraining = manifest.training;
  const details = new Map(training.clusters?.clusters.map((of) => [String(of.cluster), of]));
  const classes = [...manifest.experts].sort((a, b) => b.prompts - a.prompts);
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
    classes.map(({ name, prompts }) => [name, prompts] as const),
    "Prompts of every cluster",
  );
  return `<section><h2>Clusters</h2><p class="note">Prompts: sizes in training, kept even. Live prompts go to the nearest centre, so that live load can be less even${details.size > 0 ? ": the training prompts that each centre would get are counted as live" : ""}.</p>
<figure>${chart}</figure>
<div class="scroll"><table><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>${more}</section>`;
}
