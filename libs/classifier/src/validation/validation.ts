import { RouterError } from "../router-error.js";
import type { MethodFigures } from "./held-out-predictions.js";
import { judgeFewLabelMethod } from "./few-label-method.js";
import { judgeLinearMethods, type TimedFigures } from "./linear-methods.js";
import { judgePaperMethods } from "./paper-method.js";
import { isBagOfWords, type LinearMethod, type ValidationMethod } from "./validation-methods.js";
import { unteachable, type ValidationRows } from "./validation-rows.js";
import type { ValidationTools } from "./validation-tools.js";

/** One line of the table. */
export interface MethodResult extends MethodFigures {
  readonly id: string;
  readonly title: string;
  readonly trained_on: "input" | "input and seeds";
  readonly seconds: number;
}

/** The default beside the best bag of words. */
export interface DefaultGain {
  readonly against: string;
  readonly trained_on: MethodResult["trained_on"];
  /** Difference of the macro accuracies in points; above 0 where the default is better. */
  readonly points: number;
}

/** Methods compared on prompts whose whole source their models had not seen. */
export interface Validation {
  readonly folds: number;
  readonly seed: number;
  /** Prompts judged. */
  readonly judged: number;
  /** Prompts that are trained on and not judged. */
  readonly seeds: number;
  readonly methods: readonly MethodResult[];
  /** Label → judged prompts that no method trained on the input alone can get right, for want of another source. */
  readonly unteachable_by_input: Record<string, number>;
  readonly unteachable_with_seeds: Record<string, number>;
  /** The default against the best bag of words on the input alone, and against the best with the same seeds. */
  readonly default_gains: readonly DefaultGain[];
}

/**
 * Judges methods by leaving out whole sources. Methods that need seeds or embeddings which are not there are judged
 * without seeds, or not at all.
 * @throws RouterError if nothing is left to judge, or too few prompts to train a method.
 */
export function validate(
  rows: ValidationRows,
  methods: readonly ValidationMethod[],
  tools: ValidationTools,
): Validation {
  const able = runnable(rows, methods, tools);
  if (able.length === 0)
    throw new RouterError("training_data_insufficient", "the methods asked for need seeds or an encoder");
  const found = new Map<string, TimedFigures>();
  const keep = (of: readonly ValidationMethod[], figures: readonly TimedFigures[]): void => {
    for (const [at, { id }] of of.entries()) found.set(id, figures[at]!);
  };
  const paper = able.filter((method) => method.kind === "paper");
  if (paper.length > 0) keep(paper, judgePaperMethods(rows, paper, tools));
  for (const seeds of [false, true]) {
    const linear = able.filter(
      (method): method is LinearMethod => method.kind === "linear" && method.seeds === seeds,
    );
    if (linear.length === 0) continue;
    keep(linear, judgeLinearMethods(rows, linear, tools));
  }
  for (const method of able)
    if (method.kind === "few-labels") found.set(method.id, judgeFewLabelMethod(rows, method, tools));
  const results = able.map((method): MethodResult => {
    const { id, title, seeds } = method;
    const { seconds, ...figures } = found.get(id)!;
    const trainedOn = seeds ? "input and seeds" : "input";
    return { id, title, trained_on: trainedOn, ...figures, seconds: Math.round(seconds * 10) / 10 };
  });
  return {
    folds: rows.count,
    seed: tools.seed,
    judged: rows.folds.subarray(0, rows.judged).filter((fold) => fold >= 0).length,
    seeds: rows.examples.length - rows.judged,
    methods: results,
    unteachable_by_input: unteachable(rows, false),
    unteachable_with_seeds: unteachable(rows, true),
    default_gains: gainsOf(able, results),
  };
}

function runnable(
  rows: ValidationRows,
  methods: readonly ValidationMethod[],
  { embeddings }: ValidationTools,
): ValidationMethod[] {
  const withSeeds = rows.examples.length > rows.judged;
  const able = methods.filter((method) => !(method.kind === "linear" && method.embeddings && !embeddings));
  if (withSeeds) return able;
  // Without seeds the two forms of a method are one.
  return able
    .filter(
      (method) => !method.seeds || method.kind !== "linear" || method.embeddings || method.id === "default",
    )
    .filter((method) => method.id !== "default-input" || !able.some(({ id }) => id === "default"))
    .map((method) => ({ ...method, seeds: false }));
}

function gainsOf(methods: readonly ValidationMethod[], results: readonly MethodResult[]): DefaultGain[] {
  const ours = results.find(({ id }) => id === "default");
  if (ours === undefined) return [];
  return (["input", "input and seeds"] as const).flatMap((trainedOn) => {
    const [best] = results
      .filter((of, at) => of.trained_on === trainedOn && isBagOfWords(methods[at]!))
      .sort((a, b) => b.macro_accuracy - a.macro_accuracy);
    if (best === undefined) return [];
    const points = Math.round((ours.macro_accuracy - best.macro_accuracy) * 10_000) / 100;
    return [{ against: best.id, trained_on: trainedOn, points }];
  });
}
