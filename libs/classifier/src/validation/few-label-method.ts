import { clusterBalanced } from "../balanced-clusters.js";
import { mapClustersToLabels } from "../clusters/few-label-mapping.js";
import { findPromptPoints } from "../clusters/prompt-points.js";
import { scoreDense } from "../clusters/softmax-regression.js";
import { EvaluationTally } from "../evaluation.js";
import { SeededRandom } from "../seeded-random.js";
import { softmax } from "../temperature.js";
import type { ValidationTools } from "./validation-tools.js";
import { figuresOf, meanFigures } from "./held-out-predictions.js";
import type { TimedFigures } from "./linear-methods.js";
import type { FewLabelMethod } from "./validation-methods.js";
import { judgedRows, trainedRows, type ValidationRows } from "./validation-rows.js";

/**
 * Judges clusters named by a few labelled prompts, fold by fold: all training rows are clustered without their labels,
 * and some of each label, drawn at random, keep theirs. The seconds are those of one draw.
 */
export function judgeFewLabelMethod(
  rows: ValidationRows,
  method: FewLabelMethod,
  tools: ValidationTools,
): TimedFigures {
  const { seed, words } = tools;
  const size = rows.labels.length;
  const tallies = Array.from({ length: method.draws }, () => new EvaluationTally(rows.labels));
  let [milliseconds, drawing] = [0, 0];
  for (let fold = 0; fold < rows.count; fold++) {
    const stage = `${method.id} ${fold + 1}/${rows.count}`;
    tools.onProgress?.(stage, 0);
    const started = tools.now();
    const trained = trainedRows(rows, fold, method.seeds);
    const found = findPromptPoints(
      Array.from(trained, (row) => rows.texts[row]!),
      { seed, words },
    );
    const { dimensions } = found.space;
    const clusters = clusterBalanced(found.points, dimensions, method.clusters, { seed });
    const judged = judgedRows(rows, fold);
    const asked = found.space.embed(
      Array.from(judged, (row) => found.vocabulary.vectorize(rows.texts[row]!)),
    );
    const clustered = tools.now();
    const truths = trained.map((row) => rows.truths[row]!);
    const scores = new Float64Array(size);
    for (const [draw, tally] of tallies.entries()) {
      const few = drawLabelled(truths, size, method.labelled, seed + draw);
      tools.onProgress?.(stage, (1 + draw) / (1 + method.draws));
      const { model, temperature } = mapClustersToLabels(
        found.points,
        dimensions,
        clusters,
        few,
        size,
        seed + draw,
      );
      for (const [at, row] of judged.entries()) {
        scoreDense(model, asked, at * dimensions, scores);
        softmax(scores, temperature, scores);
        tally.addDistribution(rows.truths[row]!, scores);
      }
    }
    milliseconds += clustered - started;
    drawing += tools.now() - clustered;
    tools.onProgress?.(stage, 1);
  }
  return {
    ...meanFigures(tallies.map((tally) => figuresOf(tally.summarize()))),
    seconds: (milliseconds + drawing / method.draws) / 1_000,
  };
}

/** Row → label for `each` rows of every label, −1 for all others. */
function drawLabelled(truths: Int32Array, labels: number, each: number, seed: number): Int32Array {
  const order = Int32Array.from(truths.keys());
  new SeededRandom(seed).shuffle(order);
  const drawn = new Int32Array(labels);
  const few = new Int32Array(truths.length).fill(-1);
  for (const row of order) if (drawn[truths[row]!]!++ < each) few[row] = truths[row]!;
  return few;
}
