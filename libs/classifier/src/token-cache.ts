import type { TokenCursor } from "./token-cursor.js";

/** Slots; a new token takes the slot of the one before it. With 128 bytes a slot the whole cache has 2 MiB. */
const slots = 1 << 14;

/** A slot in 32-bit places: hash, size · 256 + ids + 1 (0: empty), ten places of units, twenty of ids. */
const slotPlaces = 32;
const unitsAt = 2;
const idsAt = 12;
const mostUnits = 2 * (idsAt - unitsAt);
const mostIds = slotPlaces - idsAt;

/**
 * Remembers which features the tokens met last have. A text is mostly common words, and a remembered word costs one
 * or two cache lines in place of a look-up in a large table for each of its n-grams. Bounded: it never grows.
 */
export class TokenCache {
  /** {@link count} ids stand here from {@link start} on, after a `find` that was true. */
  readonly places = new Int32Array(slots * slotPlaces);
  start = 0;
  count = 0;
  private readonly units = new Uint16Array(this.places.buffer);

  /** Whether the token is remembered. Compares the token itself: what the cache holds cannot change a result. */
  find(token: TokenCursor): boolean {
    const { places, units } = this;
    const slot = slotOf(token);
    const state = places[slot + 1]!;
    const { size } = token;
    if (places[slot] !== token.hash || state >>> 8 !== size || (state & 0xff) === 0) return false;
    const first = (slot + unitsAt) * 2;
    for (let index = 0; index < size; index++)
      if (units[first + index] !== token.units[index]) return false;
    this.start = slot + idsAt;
    this.count = (state & 0xff) - 1;
    return true;
  }

  /** Remembers the first `count` of `ids` as those of the token, unless it is too long. */
  put(token: TokenCursor, ids: Int32Array, count: number): void {
    if (token.size > mostUnits || count > mostIds) return;
    const slot = slotOf(token);
    this.places[slot] = token.hash;
    this.places[slot + 1] = (token.size << 8) | (count + 1);
    const first = (slot + unitsAt) * 2;
    for (let index = 0; index < token.size; index++) this.units[first + index] = token.units[index]!;
    for (let index = 0; index < count; index++) this.places[slot + idsAt + index] = ids[index]!;
  }
}

/** Numbers differ in size alone. */
function slotOf({ hash, size }: TokenCursor): number {
  return ((hash ^ (hash >>> 15) ^ (size << 7)) & (slots - 1)) * slotPlaces;
}
