import { classifiedText } from "../conversation.js";
import { readLabels } from "../label-reading.js";
import type { PromptExample } from "../prompt-example.js";
import { RouterError } from "../router-error.js";
import { divideBySource } from "../source-folds.js";

/** Prompts to judge, and prompts that are only trained on, as rows: those to judge come first. */
export interface ValidationRows {
  readonly labels: readonly string[];
  readonly examples: readonly PromptExample[];
  /** What is classified of each. */
  readonly texts: readonly string[];
  /** Row → index of its label. */
  readonly truths: Int32Array;
  readonly sources: readonly (string | undefined)[];
  /** Rows of the input, from the first on; all with a fold are judged. */
  readonly judged: number;
  /** Row → the fold whose models do not see it; −1 for those that every model sees. */
  readonly folds: Int32Array;
  readonly count: number;
  /** Judged rows without a source, divided one by one. */
  readonly withoutSource: number;
  /** Seeds left out because their text is among those judged. */
  readonly repeatedSeeds: number;
}

/** The prompts that a validation stands on. */
export interface ValidationPrompts {
  /** Judged, and trained on by the models of the other folds. */
  readonly input: readonly PromptExample[];
  /** Trained on by the methods that take them, never judged. */
  readonly seeds: readonly PromptExample[];
}

/**
 * Divides the input so that every source is left out whole, also one that is all there is of a label. A seed whose
 * source is among those of the input is left out with it, and one whose text is judged is left out always.
 * @throws RouterError if there are fewer than two labels, a prompt has none, or too few sources for two folds.
 */
export function divideForValidation(
  { input, seeds }: ValidationPrompts,
  options: { readonly folds: number; readonly seed: number },
): ValidationRows {
  const judgedTexts = new Set(input.map(({ text }) => normalised(text)));
  const kept = seeds.filter(({ text }) => !judgedTexts.has(normalised(text)));
  const examples = [...input, ...kept];
  const { labels, truths } = readLabels(examples, 1);
  const sources = examples.map(({ source }) => source);
  const division = divideBySource(
    truths.subarray(0, input.length),
    sources.slice(0, input.length),
    options.folds,
    options.seed,
    1,
  );
  if (new Set(division.folds.filter((fold) => fold >= 0)).size < 2) {
    throw new RouterError(
      "training_data_insufficient",
      "the prompts to judge need at least two sources: leaving out the only one leaves nothing to train on",
    );
  }
  const foldOf = new Map<string, number>();
  for (const [row, fold] of division.folds.entries())
    if (sources[row] !== undefined) foldOf.set(sources[row], fold);
  const folds = Int32Array.from(examples.keys(), (row) =>
    row < input.length ? division.folds[row]! : (foldOf.get(sources[row] ?? "") ?? -1),
  );
  return {
    labels,
    examples,
    texts: examples.map(({ text }) => classifiedText(text)),
    truths,
    sources,
    judged: input.length,
    folds,
    count: options.folds,
    withoutSource: input.filter(({ source }) => source === undefined).length,
    repeatedSeeds: seeds.length - kept.length,
  };
}

/** Rows that a model of `fold` is trained on. */
export function trainedRows(rows: ValidationRows, fold: number, withSeeds: boolean): Int32Array {
  const size = withSeeds ? rows.folds.length : rows.judged;
  return Int32Array.from(rows.folds.subarray(0, size).keys()).filter((row) => rows.folds[row] !== fold);
}

/** Rows that a model of `fold` is judged on. */
export function judgedRows(rows: ValidationRows, fold: number): Int32Array {
  return Int32Array.from(rows.folds.subarray(0, rows.judged).keys()).filter(
    (row) => rows.folds[row] === fold,
  );
}

/** Label → judged prompts whose models were trained on no prompt of it; they cannot be right. */
export function unteachable(rows: ValidationRows, withSeeds: boolean): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let fold = 0; fold < rows.count; fold++) {
    const taught = new Set(Array.from(trainedRows(rows, fold, withSeeds), (row) => rows.truths[row]!));
    for (const row of judgedRows(rows, fold)) {
      const truth = rows.truths[row]!;
      if (taught.has(truth)) continue;
      counts[rows.labels[truth]!] = (counts[rows.labels[truth]!] ?? 0) + 1;
    }
  }
  return counts;
}

function normalised(text: string): string {
  return text.trim().toLowerCase().replaceAll(/\s+/g, " ");
}
