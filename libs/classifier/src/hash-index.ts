/**
 * Bits of the filter for each place of the table. It is small enough to stay near the processor where the table is
 * not, and most look-ups, above all those of pairs of words, find nothing.
 */
const filterBits = 8;

/** A table is never fuller than this; an unsuccessful search then looks at four places on average. */
const greatestLoad = 0.65;

/**
 * Feature hash → number, by open addressing in one typed array. Hash and number stand side by side, because a
 * look-up costs as much as the cache lines it touches.
 */
export class HashIndex {
  /** Pairs of hash and number + 1; number 0 marks a free place. */
  private slots: Uint32Array;
  private mask: number;
  /** One bit for the upper bits of every hash held. */
  private filter: Uint32Array;
  /** Entries held. */
  size = 0;

  /** @param expected entries that fit before the table doubles. */
  constructor(expected: number) {
    let places = 16;
    while (places * greatestLoad < expected) places *= 2;
    this.mask = places - 1;
    this.slots = new Uint32Array(places * 2);
    this.filter = new Uint32Array((places * filterBits) / 32);
  }

  /** The number of `hash`, or −1. */
  get(hash: number): number {
    const bit = this.bitOf(hash);
    if (((this.filter[bit >>> 5]! >>> (bit & 31)) & 1) === 0) return -1;
    return this.slots[this.placeOf(hash) + 1]! - 1;
  }

  /** The number of `hash`; a new hash gets the next free number, which is how many there are. */
  add(hash: number): number {
    return this.put(hash, this.size);
  }

  /** The number of `hash`; a new hash gets `number`. */
  put(hash: number, number: number): number {
    const place = this.placeOf(hash);
    if (this.slots[place + 1] !== 0) return this.slots[place + 1]! - 1;
    this.slots[place] = hash;
    this.slots[place + 1] = number + 1;
    this.mark(hash);
    this.size++;
    if (this.size > (this.mask + 1) * greatestLoad) this.double();
    return number;
  }

  /** Where the pair of `hash` is, or the free place where it belongs. */
  private placeOf(hash: number): number {
    let place = (hash & this.mask) * 2;
    while (this.slots[place + 1] !== 0 && this.slots[place] !== hash)
      place = (place + 2) & (this.mask * 2 + 1);
    return place;
  }

  /** Other bits of the hash than those that say its place. */
  private bitOf(hash: number): number {
    return (hash >>> 7) & ((this.mask + 1) * filterBits - 1);
  }

  private mark(hash: number): void {
    const bit = this.bitOf(hash);
    this.filter[bit >>> 5]! |= 1 << (bit & 31);
  }

  private double(): void {
    const old = this.slots;
    this.filter = new Uint32Array(this.filter.length * 2);
    this.slots = new Uint32Array(old.length * 2);
    this.mask = this.mask * 2 + 1;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      const place = this.placeOf(old[from]!);
      this.slots[place] = old[from]!;
      this.slots[place + 1] = old[from + 1]!;
      this.mark(old[from]!);
    }
  }
}
