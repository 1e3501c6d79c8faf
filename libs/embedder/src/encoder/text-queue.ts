/** Texts that one batch holds at most. */
export const maxBatchTexts = 32;
/** Texts that a batch has at least, if so many wait: fewer waste what a run can do at once. */
const minBatchTexts = 8;
/** UTF-16 units of a batch, unless its first text alone has more: a prompt that comes now waits for the batches under way. */
const maxBatchUnits = 8_192;
/** Texts of one call that are looked at when a batch is filled, and of all calls. */
const callWindow = 64;
const queueWindow = 256;

/** A text that waits: the `row`-th of its call. */
export interface WaitingText<Call> {
  readonly call: Call;
  readonly row: number;
  readonly text: string;
}

interface Entry<Call> {
  readonly call: Call;
  readonly texts: readonly string[];
  /** Rows that are next; the others wait behind `next`. */
  readonly front: number[];
  next: number;
}

/**
 * The texts of all calls under way. Every batch begins with a text of the call that was served longest ago, so none
 * starves beside a call with 100,000 texts, and is filled with those nearest to it in length, so that little is padding.
 */
export class TextQueue<Call> {
  private entries: Entry<Call>[] = [];
  private waiting = 0;

  /** Texts that wait. */
  get size(): number {
    return this.waiting;
  }

  add(call: Call, texts: readonly string[]): void {
    if (texts.length === 0) return;
    const entry: Entry<Call> = { call, texts, front: [], next: 0 };
    refill(entry);
    this.entries.push(entry);
    this.waiting += texts.length;
  }

  /** Forgets what is left of `call`. */
  drop(call: Call): void {
    this.entries = this.entries.filter((entry) => entry.call !== call);
    this.waiting = this.entries.reduce(
      (sum, { texts, front, next }) => sum + front.length + texts.length - next,
      0,
    );
  }

  /** The next batch for one of `takers` that share the work; empty where nothing waits. */
  take(takers: number): WaitingText<Call>[] {
    const seedEntry = this.entries[0];
    if (seedEntry === undefined) return [];
    const most = Math.min(maxBatchTexts, Math.max(minBatchTexts, Math.ceil(this.waiting / takers)));
    const seed = { entry: seedEntry, row: seedEntry.front[0]! };
    const candidates = this.window();
    const lengthOf = ({ entry, row }: typeof seed) => entry.texts[row]!.length;
    candidates.sort((a, b) => lengthOf(a) - lengthOf(b));
    const at = candidates.findIndex(({ entry, row }) => entry === seed.entry && row === seed.row);
    let from = at;
    let to = at + 1;
    let units = lengthOf(seed);
    while (to - from < most && to - from < candidates.length) {
      const shorter = from === 0 ? Infinity : lengthOf(seed) - lengthOf(candidates[from - 1]!);
      const longer = to === candidates.length ? Infinity : lengthOf(candidates[to]!) - lengthOf(seed);
      units += lengthOf(candidates[shorter <= longer ? from - 1 : to]!);
      if (units > maxBatchUnits) break;
      if (shorter <= longer) from--;
      else to++;
    }
    const batch = candidates.slice(from, to);
    for (const { entry, row } of batch) entry.front.splice(entry.front.indexOf(row), 1);
    this.waiting -= batch.length;
    this.rotate();
    return batch.map(({ entry, row }) => ({ call: entry.call, row, text: entry.texts[row]! }));
  }

  private window(): { entry: Entry<Call>; row: number }[] {
    const found: { entry: Entry<Call>; row: number }[] = [];
    for (const entry of this.entries) {
      if (found.length >= queueWindow) break;
      for (const row of entry.front) found.push({ entry, row });
    }
    return found;
  }

  /** The call just served goes to the end, and calls of which nothing is left go. */
  private rotate(): void {
    this.entries.push(this.entries.shift()!);
    for (const entry of this.entries) refill(entry);
    this.entries = this.entries.filter(({ front }) => front.length > 0);
  }
}

function refill<Call>(entry: Entry<Call>): void {
  while (entry.front.length < callWindow && entry.next < entry.texts.length) entry.front.push(entry.next++);
}
