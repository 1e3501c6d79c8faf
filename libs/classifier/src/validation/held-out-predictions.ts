import { EvaluationTally, type Evaluation } from "../evaluation.js";
import { fitTemperature, softmax } from "../temperature.js";
import { judgedRows, type ValidationRows } from "./validation-rows.js";

/** What a method said of the judged rows: the figures, from models that had not seen their sources. */
export type MethodFigures = Pick<Evaluation, "n" | "accuracy" | "macro_f1"> & {
  readonly macro_accuracy: number;
  readonly ece: number;
  readonly recall: Record<string, number>;
};

/**
 * Figures of scores, one a label and judged row. The probabilities of a fold have the temperature that fits the other
 * folds: one fitted on the fold itself would flatter its calibration.
 */
export function figuresOfScores(rows: ValidationRows, scores: Float64Array): MethodFigures {
  const tally = new EvaluationTally(rows.labels);
  const size = rows.labels.length;
  const probabilities = new Float64Array(size);
  for (let fold = 0; fold < rows.count; fold++) {
    const others = Array.from({ length: rows.judged }, (_, row) => row).filter(
      (row) => rows.folds[row]! >= 0 && rows.folds[row] !== fold,
    );
    const known = new Float64Array(others.length * size);
    for (const [at, row] of others.entries())
      known.set(scores.subarray(row * size, (row + 1) * size), at * size);
    const temperature = fitTemperature(
      known,
      others.map((row) => rows.truths[row]!),
      size,
    );
    for (const row of judgedRows(rows, fold)) {
      softmax(scores.subarray(row * size, (row + 1) * size), temperature, probabilities);
      tally.addDistribution(rows.truths[row]!, probabilities);
    }
  }
  return figuresOf(tally.summarize());
}

/** The figures of an evaluation that methods are compared by. */
export function figuresOf(evaluation: Evaluation): MethodFigures {
  const judged = Object.entries(evaluation.per_class).filter(([, { n }]) => n > 0);
  return {
    n: evaluation.n,
    accuracy: evaluation.accuracy,
    macro_accuracy: evaluation.macro_recall!,
    macro_f1: evaluation.macro_f1,
    ece: evaluation.calibration!.ece,
    recall: Object.fromEntries(judged.map(([label, { recall }]) => [label, recall])),
  };
}

/** Means of figures of the same rows. */
export function meanFigures(all: readonly MethodFigures[]): MethodFigures {
  const mean = (of: (figures: MethodFigures) => number): number =>
    Math.round((all.reduce((sum, figures) => sum + of(figures), 0) / all.length) * 10_000) / 10_000;
  const [first] = all;
  return {
    n: first!.n,
    accuracy: mean((of) => of.accuracy),
    macro_accuracy: mean((of) => of.macro_accuracy),
    macro_f1: mean((of) => of.macro_f1),
    ece: mean((of) => of.ece),
    recall: Object.fromEntries(
      Object.keys(first!.recall).map((label) => [label, mean((of) => of.recall[label]!)]),
    ),
  };
}
