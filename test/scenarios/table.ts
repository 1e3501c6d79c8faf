import { holds, type Figure, type Scenario, type ScenarioResult } from "./scenario.js";

/** A scenario's result for people: a table that can be pasted into a document. */
export function tableLines(scenario: Scenario, result: ScenarioResult): string[] {
  const rows = result.figures.map((figure) => [
    figure.name,
    withUnit(figure.value, figure.unit),
    boundOf(figure),
    verdictOf(figure),
  ]);
  const head = ["figure", "measured", "bound", "held"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] as number)).join(" | ")} |`;
  const settings = Object.entries(result.settings).map(([name, value]) => `${name} ${String(value)}`);
  return [
    "",
    `${scenario.name}: ${scenario.acceptance}`,
    "The engines are simulators: they make up words at a set pace. Everything else is the real system.",
    settings.join(" · "),
    "",
    line(head),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...rows.map(line),
    ...(result.notes ?? []).map((note) => `  ${note}`),
    "",
    `${scenario.name}: ${result.figures.every((figure) => holds(figure) !== false) ? "held" : "NOT HELD"}`,
  ];
}

function withUnit(value: number, unit: string): string {
  const text = Number.isNaN(value) ? "not measured" : String(Number(value.toPrecision(4)));
  return unit === "" ? text : `${text} ${unit}`;
}

function boundOf({ atMost, atLeast, unit }: Figure): string {
  if (atMost !== undefined) return `≤ ${withUnit(atMost, unit)}`;
  return atLeast === undefined ? "" : `≥ ${withUnit(atLeast, unit)}`;
}

function verdictOf(figure: Figure): string {
  const held = holds(figure);
  if (held === undefined) return "";
  return held ? "yes" : "NO";
}
