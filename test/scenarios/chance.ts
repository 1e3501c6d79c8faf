import { seededRandom } from "@expert-router/engine-sim";

/** Every choice of a scenario. The same seed and part make the same choices in the same order. */
export class Chance {
  private readonly random: () => number;

  /** `part` keeps the choices of one part of a scenario apart from those of another. */
  constructor(seed: number, part: number) {
    this.random = seededRandom(seed ^ Math.imul(part + 1, 0x85ebca6b));
    for (let i = 0; i < 3; i++) this.random();
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.between(0, values.length - 1)] as Value;
  }

  /** A time until the next of events that come at random, `meanMs` apart in the mean. */
  exponential(meanMs: number): number {
    return -meanMs * Math.log(1 - this.random());
  }
}

/** When requests are sent, in ms from the begin: `perS` a second for `forMs`, at random (Poisson) or evenly. */
export function arrivalTimes(
  options: { readonly perS: number; readonly forMs: number },
  chance?: Chance,
): number[] {
  const gapMs = 1_000 / options.perS;
  const times: number[] = [];
  for (
    let atMs = chance?.exponential(gapMs) ?? gapMs;
    atMs < options.forMs;
    atMs += chance?.exponential(gapMs) ?? gapMs
  )
    times.push(atMs);
  return times;
}
