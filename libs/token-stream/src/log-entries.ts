import {
  parsePosition,
  type AttemptMode,
  type Delta,
  type Position,
  type Terminal,
} from "@expert-router/contracts";
import { parseMark, type LogMark } from "./live-frames.js";

/** An entry of a token log, read. `position` of deltas is that of the last one in the entry. */
export type LogEntry =
  | {
      readonly type: "opening";
      readonly position: Position;
      readonly pen: string | undefined;
      readonly mode: AttemptMode;
      /** Where the log ended before. */
      readonly before: LogMark | undefined;
    }
  | {
      readonly type: "deltas";
      readonly position: Position;
      readonly pen: string | undefined;
      readonly deltas: readonly Delta[];
    }
  | {
      readonly type: "terminal";
      readonly position: Position;
      readonly terminal: Terminal;
      /** Where the log ended before. */
      readonly last: LogMark | undefined;
    };

/** Reads an entry as `XRANGE` gives it. Throws on one that this system did not write. */
export function parseLogEntry(id: string, fields: readonly string[]): LogEntry {
  const position = parsePosition(id);
  const [kind, value, , pen, , more] = fields;
  if (position !== undefined && value !== undefined) {
    if (kind === "d") return { type: "deltas", position, pen, deltas: JSON.parse(value) as Delta[] };
    if (kind === "o")
      return { type: "opening", position, pen, mode: value as AttemptMode, before: parseMark(more ?? "") };
    if (kind === "t") {
      const last = parseMark(`${more ?? ""} ${pen ?? "-"}`);
      return { type: "terminal", position, terminal: JSON.parse(value) as Terminal, last };
    }
  }
  throw new Error(`a token log holds an entry of unknown form: ${id}`);
}
