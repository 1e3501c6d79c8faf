import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";

/** A YAML text that knows on which line each of its keys stands. */
export class YamlSource {
  /** Syntax errors, each with its line. */
  readonly problems: string[];
  /** The plain value; undefined if there are syntax errors. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    this.problems = this.#document.errors.map(
      ({ message, pos }) => `line ${this.#lines.linePos(pos[0]).line}: ${message}`,
    );
    this.value = this.problems.length > 0 ? undefined : this.#plainValue();
  }

  /** Line (from 1) of the key at `path`, or of the nearest thing around it that is there. */
  lineOf(path: readonly PropertyKey[]): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsetOf(path.slice(0, length));
      if (offset !== undefined) return this.#lines.linePos(offset).line;
    }
    return undefined;
  }

  /** Expanding aliases can fail (an alias bomb, an unknown anchor), which is a problem of the file as any other. */
  #plainValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      this.problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #offsetOf(path: readonly PropertyKey[]): number | undefined {
    const parent =
      path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    const key = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
      return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
    }
    const node = this.#document.getIn(path, true);
    return isNode(node) ? node.range?.[0] : undefined;
  }
}
