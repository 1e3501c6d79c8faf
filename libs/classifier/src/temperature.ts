import { exactExp, exactLog } from "./exact-math.js";

/** Probabilities exp(s_c / T) / Σ exp(s / T) of scores, in place of `out`. */
export function softmax(scores: ArrayLike<number>, temperature: number, out: Float64Array): void {
  let top = -Infinity;
  for (let index = 0; index < scores.length; index++) top = Math.max(top, scores[index]!);
  let sum = 0;
  for (let index = 0; index < scores.length; index++)
    sum += out[index] = exactExp((scores[index]! - top) / temperature);
  for (let index = 0; index < scores.length; index++) out[index]! /= sum;
}

/**
 * The temperature that makes the probabilities of held-out rows as honest as one number can: least mean negative
 * log-likelihood of the true classes (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
 * section 4.2), by golden-section search on ln T.
 *
 * @param scores `truths.length` rows of `classes` scores each.
 */
export function fitTemperature(scores: Float64Array, truths: ArrayLike<number>, classes: number): number {
  const loss = (logTemperature: number): number => {
    const temperature = exactExp(logTemperature);
    const out = new Float64Array(classes);
    let total = 0;
    for (let row = 0; row < truths.length; row++) {
      softmax(scores.subarray(row * classes, (row + 1) * classes), temperature, out);
      total -= exactLog(Math.max(1e-12, out[truths[row]!]!));
    }
    return total;
  };
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = -5;
  let high = 3;
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [lossLeft, lossRight] = [loss(left), loss(right)];
  for (let round = 0; round < 18; round++) {
    if (lossLeft < lossRight) {
      [high, right, lossRight] = [right, left, lossLeft];
      left = high - golden * (high - low);
      lossLeft = loss(left);
    } else {
      [low, left, lossLeft] = [left, right, lossRight];
      right = low + golden * (high - low);
      lossRight = loss(right);
    }
  }
  return exactExp((low + high) / 2);
}
