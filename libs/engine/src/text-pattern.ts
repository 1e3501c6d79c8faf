import type { EventFraming } from "./sse-parser.js";

const plainString = /^[^"\\]*$/;

/** After so many events from which nothing could be learned, every event is parsed. */
const maxFailures = 32;

/**
 * Recognises events that differ from an earlier one in nothing but the text, which is nearly every event of an answer,
 * and reads the text off them without parsing JSON. What stands before and after the text must be identical, and the
 * text may hold neither quote nor backslash; anything else is left to the JSON parser, so a result can never differ
 * from the parser's.
 */
export class TextPattern {
  private readonly key: string;
  private before = "";
  private after = "";
  private failures = 0;

  /** `field` names the JSON field that holds the text: `content`, `text` or `text_output`. */
  constructor(field: string) {
    this.key = `"${field}"`;
  }

  /** Learns from an event whose text is known to be `value` and which carries nothing else of interest. */
  learn(data: string, value: string, framing: EventFraming | undefined): void {
    if (framing === undefined || this.failures >= maxFailures || !plainString.test(value)) return;
    this.failures += 1;
    const at = data.indexOf(`${this.key}:`);
    if (at < 0 || data.indexOf(`${this.key}:`, at + 1) >= 0) return;
    const open = data.indexOf('"', at + this.key.length + 1);
    const close = data.indexOf('"', open + 1);
    if (open < 0 || close < 0 || data.slice(open + 1, close) !== value) return;
    this.before = flat(framing.head + data.slice(0, open + 1));
    this.after = flat(data.slice(close) + framing.eol + framing.eol);
  }

  /** Reads the texts of known events from `from` on into `texts`; answers where it stopped. */
  take(text: string, from: number, texts: string[]): number {
    const { before, after } = this;
    if (before === "") return from;
    let at = from;
    // A slice compared is a memcmp; `startsWith` goes through V8's runtime, character by character.
    while (text.slice(at, at + before.length) === before) {
      const open = at + before.length;
      const close = text.indexOf('"', open);
      if (close < 0 || text.slice(close, close + after.length) !== after) break;
      const value = text.slice(open, close);
      if (value === "" || value.includes("\\")) break;
      texts.push(value);
      at = close + after.length;
      this.failures = 0;
    }
    return at;
  }
}

/** The same text in one piece of memory: V8 keeps a concatenation as a tree, which is slow to compare. */
function flat(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
