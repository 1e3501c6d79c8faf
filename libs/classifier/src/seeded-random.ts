/** Random numbers that replay from a seed, the same on every platform: integer arithmetic only (PCG-style mixed Weyl sequence). */
export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A 32-bit unsigned integer (splitmix32). */
  nextUint32(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A number from 0 inclusive to 1 exclusive. */
  next(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** An integer from 0 inclusive to `bound` exclusive. */
  nextBelow(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Puts `items` into a random order, in place (Fisher-Yates). */
  shuffle(items: Int32Array | unknown[]): void {
    for (let index = items.length - 1; index > 0; index--) {
      const other = this.nextBelow(index + 1);
      const kept = items[index];
      (items as unknown[])[index] = items[other];
      (items as unknown[])[other] = kept;
    }
  }
}
