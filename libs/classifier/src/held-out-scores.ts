import type { LabelledMatrix } from "./label-model.js";
import { scoreRow, type LinearModel } from "./linear-svm.js";
import type { SparseRows } from "./sparse-rows.js";
import type { SourceFolds } from "./source-folds.js";

/**
 * Scores of every row by a model trained on the other folds: one number a class and row.
 * @param train trains on the rows given, which are all but those of `fold`.
 */
export function scoreHeldOut(
  { matrix, truths, classes }: LabelledMatrix,
  { folds, count }: Pick<SourceFolds, "folds" | "count">,
  train: (rows: Int32Array, fold: number) => LinearModel,
): Float64Array {
  const scores = new Float64Array(truths.length * classes);
  for (let fold = 0; fold < count; fold++) {
    const rows = Int32Array.from(folds.keys());
    const model = train(
      rows.filter((row) => folds[row] !== fold),
      fold,
    );
    scoreRows(
      model,
      matrix,
      rows.filter((row) => folds[row] === fold),
      scores,
    );
  }
  return scores;
}

/** Writes the scores of `rows` to their places in `scores`, which has one number a class and row of the matrix. */
export function scoreRows(
  model: LinearModel,
  matrix: SparseRows,
  rows: Int32Array,
  scores: Float64Array,
): void {
  for (const row of rows)
    scoreRow(model, matrix, row, scores.subarray(row * model.classes, (row + 1) * model.classes));
}
