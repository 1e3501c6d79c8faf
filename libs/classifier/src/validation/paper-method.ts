import { trainPaperBaseline } from "../clusters/paper-baseline.js";
import { EvaluationTally } from "../evaluation.js";
import type { ValidationTools } from "./validation-tools.js";
import { figuresOf } from "./held-out-predictions.js";
import type { TimedFigures } from "./linear-methods.js";
import type { PaperMethod } from "./validation-methods.js";
import { judgedRows, trainedRows, type ValidationRows } from "./validation-rows.js";

/** Judges the paper's method fold by fold; its probabilities are those of clusters. */
export function judgePaperMethod(
  rows: ValidationRows,
  method: PaperMethod,
  tools: ValidationTools,
): TimedFigures {
  const tally = new EvaluationTally(rows.labels);
  const started = tools.now();
  for (let fold = 0; fold < rows.count; fold++) {
    tools.onProgress?.(method.id, fold / rows.count);
    const trained = Array.from(trainedRows(rows, fold, method.seeds));
    const baseline = trainPaperBaseline(
      trained.map((row) => rows.texts[row]!),
      trained.map((row) => rows.labels[rows.truths[row]!]!),
      method.clusters,
      tools.seed,
    );
    const judged = Array.from(judgedRows(rows, fold));
    const found = baseline.predict(judged.map((row) => rows.texts[row]!));
    for (const [at, { label, probability }] of found.entries())
      tally.add(rows.truths[judged[at]!]!, rows.labels.indexOf(baseline.labels[label]!), probability);
  }
  tools.onProgress?.(method.id, 1);
  return { ...figuresOf(tally.summarize()), seconds: (tools.now() - started) / 1_000 };
}
