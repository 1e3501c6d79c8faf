import { scoreRows } from "../held-out-scores.js";
import { fitLabelModel, labelFeatures, labelMatrix, type LabelFeatures } from "../label-model.js";
import { weighRows } from "../row-weights.js";
import type { TextEmbeddings } from "../training-matrix.js";
import type { ValidationTools } from "./validation-tools.js";
import { figuresOfScores, type MethodFigures } from "./held-out-predictions.js";
import type { LinearMethod } from "./validation-methods.js";
import { judgedRows, trainedRows, type ValidationRows } from "./validation-rows.js";

/** Figures of a method, and the seconds it took. */
export interface TimedFigures extends MethodFigures {
  readonly seconds: number;
}

/**
 * Judges linear methods that train on the same rows, fold by fold. They share the features of a fold, which are learned
 * from its training rows alone; the time for them counts for each.
 */
export function judgeLinearMethods(
  rows: ValidationRows,
  methods: readonly LinearMethod[],
  tools: ValidationTools,
): TimedFigures[] {
  const { seeds } = methods[0]!;
  const texts = seeds ? rows.texts : rows.texts.slice(0, rows.judged);
  const scores = methods.map(() => new Float64Array(rows.judged * rows.labels.length));
  const seconds = methods.map(() => 0);
  for (let fold = 0; fold < rows.count; fold++) {
    const trained = trainedRows(rows, fold, seeds);
    const started = tools.now();
    tools.onProgress?.(stageOf(fold, rows.count, seeds), 0);
    const features = labelFeatures(
      texts,
      tools.words,
      Array.from(trained, (row) => texts[row]!),
    );
    const shared = tools.now() - started;
    for (const [at, method] of methods.entries()) {
      const begun = tools.now();
      judgeFold(rows, method, { features, trained, fold, tools, scores: scores[at]! });
      seconds[at]! += (shared + tools.now() - begun) / 1_000;
      tools.onProgress?.(stageOf(fold, rows.count, seeds), (at + 1) / methods.length);
    }
  }
  return scores.map((of, at) => ({ ...figuresOfScores(rows, of), seconds: seconds[at]! }));
}

function judgeFold(
  rows: ValidationRows,
  method: LinearMethod,
  {
    features,
    trained,
    fold,
    tools,
    scores,
  }: {
    readonly features: LabelFeatures;
    readonly trained: Int32Array;
    readonly fold: number;
    readonly tools: ValidationTools;
    readonly scores: Float64Array;
  },
): void {
  const matrix = labelMatrix(
    features,
    method.weighed ? tools.words : undefined,
    method.embeddings ? firstRows(tools.embeddings!, features.vectors.length) : undefined,
  );
  const { truths, labels } = rows;
  const rowWeights = method.weighed ? weightsOf(rows, trained) : undefined;
  const model = fitLabelModel({ matrix, truths, classes: labels.length, rowWeights }, trained, {
    seed: tools.seed,
    cost: method.cost,
  });
  scoreRows(model, matrix, judgedRows(rows, fold), scores);
}

function firstRows({ dimensions, rows }: TextEmbeddings, count: number): TextEmbeddings {
  return { dimensions, rows: rows.subarray(0, count * dimensions) };
}

/** Importance of the rows trained on, by what there is of their labels and sources among them. */
function weightsOf(rows: ValidationRows, trained: Int32Array): Float64Array {
  const weights = new Float64Array(rows.truths.length);
  const of = weighRows(
    trained.map((row) => rows.truths[row]!),
    Array.from(trained, (row) => rows.sources[row]),
  );
  for (const [at, row] of trained.entries()) weights[row] = of[at]!;
  return weights;
}

function stageOf(fold: number, folds: number, seeds: boolean): string {
  return `linear methods on the input${seeds ? " and the seeds" : ""} ${fold + 1}/${folds}`;
}
