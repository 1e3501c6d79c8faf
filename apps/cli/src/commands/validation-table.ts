import type { Validation } from "@expert-router/classifier";

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** A validation for people: a line a method, what its figures cannot show, and how far the default is ahead. */
export function formatValidation(validation: Validation, details: boolean): string {
  return [
    `${validation.judged} prompts, each judged by models that had not seen its source; ` +
      `${validation.folds} folds, seed ${validation.seed}; ${validation.seeds} seeds`,
    "",
    ...methodTable(validation),
    ...(details ? ["", ...recallTable(validation)] : []),
    ...notes(validation),
    ...gainLines(validation),
    "",
  ].join("\n");
}

function methodTable({ methods }: Validation): string[] {
  const rows = methods.map((of) => [
    of.id,
    of.trained_on,
    percent(of.accuracy),
    percent(of.macro_accuracy),
    percent(of.macro_f1),
    percent(of.ece),
    of.seconds.toFixed(1),
    of.title,
  ]);
  const heads = ["method", "trained on", "accuracy", "macro acc.", "macro F1", "ECE", "seconds", ""];
  return align([heads, ...rows], 2);
}

/** Domains below each other, methods beside each other. */
function recallTable({ methods }: Validation): string[] {
  const domains = [...new Set(methods.flatMap(({ recall }) => Object.keys(recall)))];
  return align(
    [
      ["recall", ...methods.map(({ id }) => id)],
      ...domains.map((domain) => [domain, ...methods.map(({ recall }) => percent(recall[domain] ?? 0))]),
    ],
    1,
  );
}

/** Columns as wide as they must be: the first `texts` and the last begin on the left, numbers end on the right. */
function align(rows: readonly (readonly string[])[], texts: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const text = column < texts || (texts > 1 && column === row.length - 1);
        return text ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
      })
      .join("  ")
      .trimEnd(),
  );
}

function notes(validation: Validation): string[] {
  const describe = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .map(([label, count]) => `${label} ${count}`)
      .join(", ");
  const usesInput = validation.methods.some((of) => of.trained_on === "input");
  const usesSeeds = validation.methods.some((of) => of.trained_on === "input and seeds");
  const lines: string[] = [];
  if (usesInput && Object.keys(validation.unteachable_by_input).length > 0)
    lines.push(
      `Trained on the input alone, these have no other source to be learned from and count as wrong: ${describe(validation.unteachable_by_input)}.`,
    );
  if (usesSeeds && Object.keys(validation.unteachable_with_seeds).length > 0)
    lines.push(`The same with the seeds: ${describe(validation.unteachable_with_seeds)}.`);
  return lines.length === 0 ? [] : ["", ...lines];
}

function gainLines({ default_gains: gains }: Validation): string[] {
  if (gains.length === 0) return [];
  const parts = gains.map(
    ({ against, trained_on, points }) =>
      `${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)} (${against}, trained on the ${trained_on})`,
  );
  return ["", `default − best bag of words, points of macro accuracy: ${parts.join("; ")}`];
}
