import type { Delta } from "@expert-router/contracts";

/** A longer stop string is left to the engine alone. */
const maxStopLength = 256;

/**
 * Keeps the place where attempts meet out of stop strings: a delta in which one may begin is held until it is clear that none
 * does. Should the attempt end before, it was never written; the next one generates the text again, and its engine sees the
 * stop string from its beginning. Deltas are held whole, so that an answer is continued between two tokens.
 */
export class StopGuard {
  private readonly stops: readonly string[];
  private readonly longest: number;
  private held: string[] = [];
  private heldText = "";

  /** `stop` as the client's body has it. */
  constructor(stop: unknown) {
    const words: unknown[] = Array.isArray(stop) ? stop : [stop];
    // A single character lies in one delta.
    this.stops = words.filter(
      (word): word is string => typeof word === "string" && word.length > 1 && word.length <= maxStopLength,
    );
    this.longest = Math.max(0, ...this.stops.map((word) => word.length));
  }

  /** Takes the next delta of the engine; answers those that may be written now. */
  push(delta: Delta): readonly Delta[] {
    if (this.longest === 0) return [delta];
    // A finish reason, or anything else that is no text: what was held did not become a stop string.
    if (typeof delta !== "string") return [...this.release(this.held.length), delta];
    this.held.push(delta);
    this.heldText += delta;
    const clear = this.clearLength();
    let count = 0;
    let length = 0;
    for (const text of this.held) {
      length += text.length;
      if (length > clear) break;
      count += 1;
    }
    return this.release(count);
  }

  /** The engine has ended its answer: whatever is held belongs to it. */
  end(): readonly Delta[] {
    return this.release(this.held.length);
  }

  /** Characters in front of the first place at which a stop string may have begun. */
  private clearLength(): number {
    const { heldText, stops } = this;
    for (let at = Math.max(0, heldText.length - this.longest + 1); at < heldText.length; at += 1) {
      const end = heldText.slice(at);
      if (stops.some((word) => word.startsWith(end))) return at;
    }
    return heldText.length;
  }

  private release(count: number): string[] {
    const free = this.held.splice(0, count);
    this.heldText = this.held.join("");
    return free;
  }
}
