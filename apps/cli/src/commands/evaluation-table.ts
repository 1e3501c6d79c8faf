import type { EvaluationReport } from "./evaluation-report.js";

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** An evaluation for people: the figures of every label, where its mistakes went, and coverage by threshold. */
export function formatEvaluation(report: EvaluationReport): string {
  const width = Math.max(...Object.keys(report.per_class).map((label) => label.length));
  const classes = Object.entries(report.per_class).map(([label, { n, precision, recall, f1 }]) => {
    const mistakes = Object.entries(report.confusion[label] ?? {}).filter(([other]) => other !== label);
    const worst = mistakes
      .sort(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([other, count]) => `${other} ${count}`);
    return `${label.padEnd(width)}  ${cells([String(n), percent(precision), percent(recall), percent(f1)])}  ${worst.join(", ")}`;
  });
  const coverage = Object.entries(report.coverage_at).map(
    ([threshold, at]) =>
      `confidence ≥ ${threshold}: ${percent(at.coverage)} of prompts, ${percent(at.accuracy)} of them right`,
  );
  return [
    `${report.n} prompts: accuracy ${percent(report.accuracy)}, macro F1 ${percent(report.macro_f1)}`,
    "",
    `${"".padEnd(width)}  ${cells(["prompts", "precision", "recall", "F1"])}  mistaken for`,
    ...classes,
    "",
    ...coverage,
    "",
    `one prompt ${report.classify_us.p50} µs (p50), ${report.classify_us.p99} µs (p99); ${report.prompts_per_s} prompts/s in batches`,
    "",
  ].join("\n");
}

function cells(values: readonly string[]): string {
  return values.map((value) => value.padStart(9)).join(" ");
}
