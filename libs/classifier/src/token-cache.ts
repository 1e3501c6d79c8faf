import type { TokenCursor } from "./token-cursor.js";

/** Places of the table that leads to the entries. */
const slots = 1 << 14;

/** 32-bit places of all entries together: 2 MiB, about 20,000 words. When they are full, everything is forgotten. */
const arenaPlaces = 1 << 19;

/** Longer tokens are not remembered. */
const mostUnits = 40;

/**
 * Remembers which features the tokens met before have, and their weights. A text is mostly common words, and a
 * remembered word costs a few neighbouring cache lines in place of a look-up in a large table for each of its
 * n-grams. Entries lie in the order in which they came, so that the common words, which come early, share pages.
 * An entry: size · 256 + features, the units two by two, the ids, the weights.
 */
export class TokenCache {
  /** After a `find` that was true, {@link count} ids stand here from {@link start} on. */
  readonly ids = new Int32Array(arenaPlaces);
  /** The weights of the ids, {@link count} places after them. */
  readonly weights = new Float32Array(this.ids.buffer);
  start = 0;
  count = 0;
  private readonly units = new Uint16Array(this.ids.buffer);
  /** Pairs of a token's hash and the place of its entry; entry 0 is none. */
  private readonly table = new Int32Array(slots * 2);
  private end = 1;

  /** Whether the token is remembered. Compares the token itself: what the cache holds cannot change a result. */
  find(token: TokenCursor): boolean {
    const slot = slotOf(token);
    const entry = this.table[slot + 1]!;
    if (entry === 0 || this.table[slot] !== token.hash) return false;
    const state = this.ids[entry]!;
    const { size } = token;
    if (state >>> 8 !== size) return false;
    const first = (entry + 1) * 2;
    for (let index = 0; index < size; index++)
      if (this.units[first + index] !== token.units[index]) return false;
    this.start = entry + 1 + ((size + 1) >>> 1);
    this.count = state & 0xff;
    return true;
  }

  /** Remembers the first `count` of `ids` as the features of the token, unless it is long. */
  put(token: TokenCursor, ids: Int32Array, count: number, weights: Float32Array): void {
    const { size } = token;
    if (size > mostUnits) return;
    const unitPlaces = (size + 1) >>> 1;
    if (this.end + 1 + unitPlaces + 2 * count > arenaPlaces) this.forget();
    const slot = slotOf(token);
    this.table[slot] = token.hash;
    this.table[slot + 1] = this.end;
    this.ids[this.end++] = (size << 8) | count;
    for (let index = 0; index < size; index++) this.units[this.end * 2 + index] = token.units[index]!;
    this.end += unitPlaces;
    for (let index = 0; index < count; index++) this.ids[this.end + index] = ids[index]!;
    this.end += count;
    for (let index = 0; index < count; index++) this.weights[this.end + index] = weights[ids[index]!]!;
    this.end += count;
  }

  private forget(): void {
    this.table.fill(0);
    this.end = 1;
  }
}

/** Numbers differ in size alone. */
function slotOf({ hash, size }: TokenCursor): number {
  return ((hash ^ (hash >>> 15) ^ (size << 7)) & (slots - 1)) * 2;
}
