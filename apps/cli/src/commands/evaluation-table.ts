import type { Robustness } from "@expert-router/classifier";
import type { EvaluationReport } from "./evaluation-report.js";

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Sources that the table names: the ones with the most prompts. */
const shownSources = 20;

/** An evaluation for people: the figures of every label, where its mistakes went, coverage, and what else was asked for. */
export function formatEvaluation(report: EvaluationReport): string {
  return [
    headline(report),
    "",
    ...classTable(report),
    "",
    ...coverageLines(report),
    ...sourceTable(report.per_source),
    ...routingLines(report.routing),
    ...againstLines(report.against),
    ...robustnessTables(report.robustness),
    "",
    `one prompt ${report.classify_us.p50} µs (p50), ${report.classify_us.p99} µs (p99); ${report.prompts_per_s} prompts/s in batches`,
    "",
  ].join("\n");
}

function headline(report: EvaluationReport): string {
  const further = [
    ...(report.macro_recall === undefined ? [] : [`macro recall ${percent(report.macro_recall)}`]),
    ...(report.top2_accuracy === undefined ? [] : [`among the best two ${percent(report.top2_accuracy)}`]),
    ...(report.calibration === undefined ? [] : [`calibration error ${percent(report.calibration.ece)}`]),
    ...(report.brier === undefined ? [] : [`Brier score ${report.brier.toFixed(3)}`]),
  ];
  const line = `${report.n} prompts: accuracy ${percent(report.accuracy)}, macro F1 ${percent(report.macro_f1)}`;
  return further.length === 0 ? line : `${line}\n${further.join(", ")}`;
}

function classTable(report: EvaluationReport): string[] {
  const rows = Object.entries(report.per_class).map(([label, { n, precision, recall, f1 }]) => {
    const mistakes = Object.entries(report.confusion[label] ?? {}).filter(([other]) => other !== label);
    const worst = mistakes
      .sort(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([other, count]) => `${other} ${count}`);
    return [
      label,
      [String(n), percent(precision), percent(recall), percent(f1)],
      `  ${worst.join(", ")}`,
    ] as const;
  });
  return table("", ["prompts", "precision", "recall", "F1"], rows, "  mistaken for");
}

function coverageLines(report: EvaluationReport): string[] {
  const lines = Object.entries(report.coverage_at).map(
    ([threshold, at]) =>
      `confidence ≥ ${threshold}: ${percent(at.coverage)} of prompts, ${percent(at.accuracy)} of them right`,
  );
  const curve = (report.coverage_curve ?? []).map(
    ({ coverage, accuracy }) => `${Math.round(coverage * 100)} % → ${percent(accuracy)}`,
  );
  if (curve.length > 0) lines.push(`right among the most confident: ${curve.join(", ")}`);
  return lines;
}

function sourceTable(sources: EvaluationReport["per_source"]): string[] {
  const all = Object.entries(sources ?? {}).sort(([, a], [, b]) => b.n - a.n);
  if (all.length < 2) return [];
  const rows = all
    .slice(0, shownSources)
    .map(([source, { n, accuracy }]) => [source, [String(n), percent(accuracy)], ""] as const);
  const more = all.length > shownSources ? [`and ${all.length - shownSources} smaller ones`] : [];
  return ["", ...table("source", ["prompts", "accuracy"], rows), ...more];
}

function routingLines(routing: EvaluationReport["routing"]): string[] {
  if (routing === undefined) return [];
  return [
    "",
    `experts, threshold ${routing.threshold}: ${percent(routing.expert_accuracy)} reach an expert of their domain; ` +
      `${percent(routing.generalist_share)} go to '${routing.generalist}', ${percent(routing.below_threshold)} for want of confidence; ` +
      `${percent(routing.accuracy_above)} of the others are right`,
  ];
}

function againstLines(against: EvaluationReport["against"]): string[] {
  if (against === undefined) return [];
  return [
    "",
    `against ${against.router} (${against.version}): accuracy ${percent(against.accuracy)}, macro F1 ${percent(against.macro_f1)}`,
    `both right ${against.both_right}, only this one ${against.only_first}, only the other ${against.only_second}, both wrong ${against.both_wrong}; ` +
      `by chance alone with p = ${against.p} (McNemar)`,
  ];
}

function robustnessTables(robustness: Robustness | undefined): string[] {
  if (robustness === undefined) return [];
  const perturbed = Object.entries(robustness.perturbations).map(
    ([name, of]) =>
      [
        name,
        [
          String(of.n),
          percent(of.accuracy_before),
          percent(of.accuracy_after),
          percent(of.agreement),
          percent(of.generalist_after),
        ],
        "",
      ] as const,
  );
  const kinds = Object.entries(robustness.no_domain.kinds).map(
    ([kind, of]) => [kind, [String(of.n), percent(of.generalist), percent(of.confidence)], ""] as const,
  );
  const scripts = Object.entries(robustness.scripts).map(
    ([script, of]) => [script, [String(of.n), percent(of.accuracy), percent(of.generalist)], ""] as const,
  );
  return [
    "",
    `robustness, ${robustness.prompts} prompts, seed ${robustness.seed}`,
    ...table("changed by", ["prompts", "before", "after", "agreement", "generalist"], perturbed),
    "",
    ...table("of no domain", ["prompts", "generalist", "confidence"], kinds),
    `to the generalist on average ${percent(robustness.no_domain.generalist)}`,
    "",
    ...table("script", ["prompts", "accuracy", "generalist"], scripts),
  ];
}

type Row = readonly [name: string, values: readonly string[], note: string];

function table(corner: string, heads: readonly string[], rows: readonly Row[], noteHead = ""): string[] {
  const width = Math.max(corner.length, ...rows.map(([name]) => name.length));
  const line = ([name, values, note]: Row): string =>
    `${name.padEnd(width)}  ${values.map((value) => value.padStart(10)).join(" ")}${note}`.trimEnd();
  return [line([corner, heads, noteHead]), ...rows.map(line)];
}
