import type { Ask } from "./ask.js";

/** How a request ended for its client. */
export type Ending =
  /** Its end was told: completed, or an error or another final status. */
  | { readonly type: "completed" }
  | { readonly type: "failed"; readonly code: string }
  | { readonly type: "cancelled" }
  /** Never accepted, and the client was told why. */
  | { readonly type: "refused"; readonly code: string }
  /** The client left on purpose. */
  | { readonly type: "left" }
  /** The connection broke before or within the answer. */
  | { readonly type: "broken"; readonly words: string };

/** What the client of one request saw. */
export class Trace {
  /** Known from the first header on. */
  id: string | undefined;
  /** Headers of success came, or the id of a job. */
  accepted = false;
  text = "";
  ending: Ending | undefined;
  /** When pieces of the answer came (performance.now). */
  readonly pieces: number[] = [];
  /** What no client should ever see. */
  readonly problems: string[] = [];
  /** Times it came back to its job. */
  returns = 0;
  tokens = 0;

  constructor(readonly ask: Ask) {}

  /** A token came. */
  add(text: string): void {
    if (text === "") return;
    this.text += text;
    this.tokens += 1;
    const now = performance.now();
    if (now - (this.pieces.at(-1) ?? 0) >= 1) this.pieces.push(now);
  }
}
