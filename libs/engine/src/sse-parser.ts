import { EngineError } from "./engine-error.js";

/** How one event of a single `data` line was written, so that others like it can be recognised by their text. */
export interface EventFraming {
  /** `data:` with or without the space behind it. */
  readonly head: string;
  /** The line end, `\n` or `\r\n`. */
  readonly eol: string;
}

/** Where a parser's events go. */
export interface SseHandler {
  /** An event's data; lines are joined by `\n`. `framing` is undefined for events that had more lines than one. */
  onData(data: string, framing: EventFraming | undefined): void;
  /**
   * May take whole events off `text` at `from` itself, and answers where it stopped; `from` if it took nothing.
   * Called only between events.
   */
  takeKnown(text: string, from: number): number;
}

const maxLineBytes = 4 * 1024 * 1024;
const newline = 0x0a;
const empty = Buffer.alloc(0);

/**
 * Splits server-sent events off a stream of bytes that may be cut anywhere. Only whole lines are decoded, so a
 * character split between two reads comes out right. Fields other than `data` are ignored, as are comments. A line
 * ends with LF or CRLF; a bare CR, which the standard also allows, is not seen in this field and not supported.
 */
export class SseParser {
  private readonly handler: SseHandler;
  private rest: Buffer = empty;
  private atStart = true;
  /** Data of the event under way. */
  private data: string | undefined;
  private framing: EventFraming | undefined;

  constructor(handler: SseHandler) {
    this.handler = handler;
  }

  /** Takes the bytes of one read. Throws an {@link EngineError} when a line grows beyond all reason. */
  push(bytes: Buffer): void {
    const end = bytes.lastIndexOf(newline) + 1;
    if (end === 0) {
      this.keep(this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]));
      return;
    }
    let text =
      this.rest.length === 0
        ? bytes.toString("utf8", 0, end)
        : Buffer.concat([this.rest, bytes.subarray(0, end)]).toString("utf8");
    this.keep(end === bytes.length ? empty : bytes.subarray(end));
    if (this.atStart) {
      this.atStart = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    this.readLines(text);
  }

  private keep(rest: Buffer): void {
    if (rest.length > maxLineBytes) {
      throw new EngineError(
        "engine_protocol_error",
        `The engine sent a line of more than ${maxLineBytes} bytes.`,
      );
    }
    this.rest = rest;
  }

  private readLines(text: string): void {
    let from = 0;
    while (from < text.length) {
      if (this.data === undefined) {
        const taken = this.handler.takeKnown(text, from);
        if (taken > from) {
          from = taken;
          continue;
        }
      }
      const at = text.indexOf("\n", from);
      const hasReturn = at > from && text[at - 1] === "\r";
      this.readLine(text.slice(from, hasReturn ? at - 1 : at), hasReturn ? "\r\n" : "\n");
      from = at + 1;
    }
  }

  private readLine(line: string, eol: string): void {
    if (line === "") {
      const { data, framing } = this;
      this.data = undefined;
      this.framing = undefined;
      if (data !== undefined) this.handler.onData(data, framing);
    } else if (line.startsWith("data:")) {
      const head = line[5] === " " ? "data: " : "data:";
      const value = line.slice(head.length);
      this.framing = this.data === undefined ? { head, eol } : undefined;
      this.data = this.data === undefined ? value : `${this.data}\n${value}`;
      if (this.data.length > maxLineBytes) {
        throw new EngineError(
          "engine_protocol_error",
          `The engine sent an event of more than ${maxLineBytes} characters.`,
        );
      }
    }
  }
}
