import { seededRandom } from "@expert-router/engine-sim";

/** Every choice of a run. The same seed and round make the same choices in the same order. */
export class Dice {
  private constructor(private readonly random: () => number) {}

  /** `part` keeps the choices of one part of a round apart from those of another. */
  static of(seed: number, round: number, part: number): Dice {
    const random = seededRandom(seed ^ Math.imul(round + 1, 0x9e3779b1) ^ Math.imul(part + 1, 0x85ebca6b));
    for (let i = 0; i < 3; i++) random();
    return new Dice(random);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.between(0, values.length - 1)] as Value;
  }

  /** `count` different ones of `values`, or all of them. */
  some<Value>(values: readonly Value[], count: number): Value[] {
    const left = [...values];
    const taken: Value[] = [];
    while (taken.length < count && left.length > 0) {
      taken.push(...left.splice(this.between(0, left.length - 1), 1));
    }
    return taken;
  }
}
