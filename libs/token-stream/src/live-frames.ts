import {
  parsePosition,
  type AttemptMode,
  type Delta,
  type Position,
  type RequestId,
  type Terminal,
} from "@expert-router/contracts";

/** A line of a live message; scripts.ts writes them. */
export type LiveFrame =
  | {
      readonly type: "D";
      readonly epoch: number;
      readonly pen: string;
      readonly first: number;
      readonly deltas: readonly Delta[];
    }
  | {
      readonly type: "O";
      readonly epoch: number;
      readonly pen: string;
      readonly mode: AttemptMode;
      readonly before: LogMark;
    }
  | { readonly type: "E"; readonly last: LogMark; readonly terminal: Terminal };

/** Where a log ends, and who wrote that. */
export interface LogMark {
  readonly position: Position;
  /** Undefined where it is not known. */
  readonly pen: string | undefined;
}

const idStart = 2;
/** `req_` and 26 characters of ULID. */
const idEnd = idStart + 30;

/** The request that a frame is about; the cheap half of reading it. */
export function frameRequestId(line: string): RequestId {
  return line.slice(idStart, idEnd) as RequestId;
}

/** The rest of a frame, or undefined where it has an unknown form. */
export function parseLiveFrame(line: string): LiveFrame | undefined {
  const fields = leadingFields(line);
  const [field, pen] = fields;
  if (field === undefined || pen === undefined) return undefined;
  switch (line.charCodeAt(0)) {
    case 68: {
      const [first, json] = [fields[2], fields[3]];
      if (json === undefined) return undefined;
      return {
        type: "D",
        epoch: Number(field),
        pen,
        first: Number(first),
        deltas: JSON.parse(json) as Delta[],
      };
    }
    case 79: {
      const [mode, rest = ""] = [fields[2], fields[3]];
      const before = parseMark(rest);
      return before && { type: "O", epoch: Number(field), pen, mode: mode as AttemptMode, before };
    }
    case 69: {
      const last = parsePosition(field);
      const json = line.slice(idEnd + 1 + field.length + 1 + pen.length + 1);
      return last && { type: "E", last: { position: last, pen }, terminal: JSON.parse(json) as Terminal };
    }
    default:
      return undefined;
  }
}

/** Reads `<position> <pen>`. */
export function parseMark(text: string): LogMark | undefined {
  const [position = "", pen] = text.split(" ");
  const at = parsePosition(position);
  return at && { position: at, pen: pen === "-" ? undefined : pen };
}

/** The first three fields behind the id, and the rest as the fourth. */
function leadingFields(line: string): string[] {
  const fields: string[] = [];
  let from = idEnd + 1;
  while (fields.length < 3) {
    const to = line.indexOf(" ", from);
    if (to < 0) break;
    fields.push(line.slice(from, to));
    from = to + 1;
  }
  fields.push(line.slice(from));
  return fields;
}
