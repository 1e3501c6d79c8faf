import { clusterPaperSpace, findPaperSpace } from "../clusters/paper-baseline.js";
import { EvaluationTally } from "../evaluation.js";
import type { ValidationTools } from "./validation-tools.js";
import { figuresOf } from "./held-out-predictions.js";
import type { TimedFigures } from "./linear-methods.js";
import type { PaperMethod } from "./validation-methods.js";
import { judgedRows, trainedRows, type ValidationRows } from "./validation-rows.js";

/**
 * Judges the paper's method with several numbers of clusters, fold by fold; its probabilities are those of clusters. The
 * methods share words and dimensions of a fold; the time for them counts for each.
 */
export function judgePaperMethods(
  rows: ValidationRows,
  methods: readonly PaperMethod[],
  tools: ValidationTools,
): TimedFigures[] {
  const tallies = methods.map(() => new EvaluationTally(rows.labels));
  const seconds = methods.map(() => 0);
  for (let fold = 0; fold < rows.count; fold++) {
    const stage = `the paper's method ${fold + 1}/${rows.count}`;
    const started = tools.now();
    tools.onProgress?.(stage, 0);
    const trained = Array.from(trainedRows(rows, fold, false));
    const labels = trained.map((row) => rows.labels[rows.truths[row]!]!);
    const space = findPaperSpace(
      trained.map((row) => rows.texts[row]!),
      tools.seed,
    );
    const shared = tools.now() - started;
    const judged = Array.from(judgedRows(rows, fold));
    for (const [at, { clusters }] of methods.entries()) {
      const begun = tools.now();
      const baseline = clusterPaperSpace(space, labels, clusters, tools.seed);
      const found = baseline.predict(judged.map((row) => rows.texts[row]!));
      for (const [index, { label, probability }] of found.entries()) {
        const predicted = rows.labels.indexOf(baseline.labels[label]!);
        tallies[at]!.add(rows.truths[judged[index]!]!, predicted, probability);
      }
      seconds[at]! += (shared + tools.now() - begun) / 1_000;
      tools.onProgress?.(stage, (at + 1) / methods.length);
    }
  }
  return tallies.map((tally, at) => ({ ...figuresOf(tally.summarize()), seconds: seconds[at]! }));
}
