import type { SeededRandom } from "../seeded-random.js";

/** A change of a prompt that leaves what it is about as it was. */
export interface Perturbation {
  readonly name: string;
  /** What is done to the prompt, for people. */
  readonly description: string;
  /** The changed prompt; the same for the same text and state of `random`. May be the text itself where nothing fits. */
  readonly apply: (text: string, random: SeededRandom) => string;
}

/** One of `items`, all equally likely. */
export function pick<Item>(items: readonly Item[], random: SeededRandom): Item {
  return items[random.nextBelow(items.length)]!;
}
