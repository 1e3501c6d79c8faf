import {
  parsePosition,
  type AttemptMode,
  type Delta,
  type Position,
  type Terminal,
} from "@expert-router/contracts";

/** An entry of a token log, read. `position` of deltas is that of the last one in the entry. */
export type LogEntry =
  | {
      readonly type: "opening";
      readonly position: Position;
      readonly mode: AttemptMode;
      /** The last position before it; unset in one that stands for an attempt which Redis lost. */
      readonly before: Position | undefined;
    }
  | { readonly type: "deltas"; readonly position: Position; readonly deltas: readonly Delta[] }
  | { readonly type: "terminal"; readonly position: Position; readonly terminal: Terminal };

/** Reads an entry as `XRANGE` gives it. Throws on one that this system did not write. */
export function parseLogEntry(id: string, fields: readonly string[]): LogEntry {
  const position = parsePosition(id);
  const [kind, value] = fields;
  if (position !== undefined && value !== undefined) {
    if (kind === "d") return { type: "deltas", position, deltas: JSON.parse(value) as Delta[] };
    if (kind === "o") {
      const before = fields[2] === "b" ? parsePosition(fields[3] ?? "") : undefined;
      return { type: "opening", position, mode: value as AttemptMode, before };
    }
    if (kind === "t") return { type: "terminal", position, terminal: JSON.parse(value) as Terminal };
  }
  throw new Error(`a token log holds an entry of unknown form: ${id}`);
}
