import { SeededRandom } from "../seeded-random.js";

/** At most `size` items of a stream of unknown length, each equally likely to stay (Vitter, "Random sampling with a reservoir", 1985, algorithm R). */
export class PromptSample<Item> {
  readonly items: Item[] = [];
  private readonly random: SeededRandom;
  private seen = 0;

  constructor(
    private readonly size: number,
    seed: number,
  ) {
    this.random = new SeededRandom(seed);
  }

  add(item: Item): void {
    this.seen++;
    if (this.items.length < this.size) {
      this.items.push(item);
      return;
    }
    const place = this.random.nextBelow(this.seen);
    if (place < this.size) this.items[place] = item;
  }
}
