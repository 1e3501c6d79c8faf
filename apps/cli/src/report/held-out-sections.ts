import type { Evaluation } from "@expert-router/classifier";
import {
  classChart,
  confusionChart,
  coverageChart,
  maxHeatMapLabels,
  reliabilityChart,
} from "./evaluation-charts.js";
import { escapeHtml, percent } from "./html-text.js";

/** Sources that the page lists: the ones with the most prompts. */
const shownSources = 60;

/** The sections of a report that say how well the router does on prompts it was not trained on. */
export function heldOutSections(evaluation: Evaluation): string {
  const { calibration, coverage_curve: curve, confusion, per_class: perClass } = evaluation;
  const labels = Object.keys(confusion).length;
  const heatMap =
    labels > maxHeatMapLabels
      ? `<p class="note">${labels} labels are too many for a heat map; the table above names the commonest mistakes.</p>`
      : `<figure>${confusionChart(confusion)}</figure>`;
  return `
<section><h2>Labels</h2>
<p class="note">Precision: how many of the prompts given to a label belong there. Recall: how many of its prompts were found.</p>
<figure>${classChart(perClass)}</figure>
<div class="scroll">${classTable(evaluation)}</div></section>
<section><h2>Confusion</h2>
<p class="note">Each row is a true label, each column what the router said. Blue is right, orange is wrong; a darker shade is a greater share of the row.</p>
${heatMap}</section>
<div class="pair">
${
  calibration === undefined
    ? ""
    : `<section><h2>Reliability</h2>
<p class="note">Of prompts with confidence p, a share of p should be right: the dashed line. Expected calibration error ${percent(calibration.ece)}. Larger dots stand for more prompts.</p>
<figure>${reliabilityChart(calibration)}</figure></section>`
}
${
  curve === undefined || curve.length === 0
    ? ""
    : `<section><h2>Coverage and accuracy</h2>
<p class="note">Accuracy if only the most confident prompts go to experts and the rest to the generalist.</p>
<figure>${coverageChart(curve)}</figure></section>`
}
</div>
${sourceSection(evaluation.per_source)}`;
}

function classTable({ per_class: perClass, confusion }: Evaluation): string {
  const rows = Object.entries(perClass)
    .filter(([, { n }]) => n > 0)
    .sort(([, a], [, b]) => b.f1 - a.f1)
    .map(([label, { n, precision, recall, f1 }]) => {
      const mistakes = Object.entries(confusion[label] ?? {})
        .filter(([other]) => other !== label)
        .sort(([, a], [, b]) => b - a)
        .slice(0, 3)
        .map(([other, count]) => `${other} ${count}`);
      return `<tr><td>${escapeHtml(label)}</td><td>${n}</td><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td><td class="text">${escapeHtml(mistakes.join(", "))}</td></tr>`;
    });
  return `<table><thead><tr><th>label</th><th>prompts</th><th>precision</th><th>recall</th><th>F1</th><th class="text">mistaken for</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function sourceSection(sources: Evaluation["per_source"]): string {
  if (sources === undefined) return "";
  const all = Object.entries(sources).sort(([, a], [, b]) => b.n - a.n);
  const rows = all
    .slice(0, shownSources)
    .map(
      ([source, { n, accuracy }]) =>
        `<tr><td>${escapeHtml(source)}</td><td>${n}</td><td>${percent(accuracy)}</td></tr>`,
    );
  const more =
    all.length > shownSources ? `<p class="note">and ${all.length - shownSources} smaller ones</p>` : "";
  return `<section><h2>Sources</h2><p class="note">Accuracy on each source while nothing of it was trained on.</p>
<div class="scroll"><table><thead><tr><th>source</th><th>prompts</th><th>accuracy</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>${more}</section>`;
}
