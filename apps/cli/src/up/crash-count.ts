/** How often a child may crash before it is given up. */
const maxCrashes = 5;
const windowMs = 30_000;
const firstDelayMs = 250;
const greatestDelayMs = 5_000;

/** Remembers the crashes of one child and says how to go on. */
export class CrashCount {
  #crashesAtMs: number[] = [];

  /** Notes a crash. The delay before the next start, doubled with every crash of the last 30 s; undefined: give up. */
  next(nowMs: number): number | undefined {
    this.#crashesAtMs = [...this.#crashesAtMs.filter((at) => nowMs - at < windowMs), nowMs];
    const count = this.#crashesAtMs.length;
    return count >= maxCrashes ? undefined : Math.min(firstDelayMs * 2 ** (count - 1), greatestDelayMs);
  }
}
