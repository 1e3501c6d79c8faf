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
  | { readonly type: "D"; readonly epoch: number; readonly first: number; readonly deltas: readonly Delta[] }
  | { readonly type: "O"; readonly epoch: number; readonly mode: AttemptMode; readonly before: Position }
  | { readonly type: "E"; readonly last: Position; readonly terminal: Terminal };

const idStart = 2;
/** `req_` and 26 characters of ULID. */
const idEnd = idStart + 30;

/** The request that a frame is about; the cheap half of reading it. */
export function frameRequestId(line: string): RequestId {
  return line.slice(idStart, idEnd) as RequestId;
}

/** The rest of a frame, or undefined where it has an unknown form. */
export function parseLiveFrame(line: string): LiveFrame | undefined {
  const second = line.indexOf(" ", idEnd + 1);
  if (second < 0) return undefined;
  const field = line.slice(idEnd + 1, second);
  switch (line.charCodeAt(0)) {
    case 68: {
      const third = line.indexOf(" ", second + 1);
      const first = Number(line.slice(second + 1, third));
      return { type: "D", epoch: Number(field), first, deltas: JSON.parse(line.slice(third + 1)) as Delta[] };
    }
    case 79: {
      const [mode, position] = line.slice(second + 1).split(" ");
      const before = parsePosition(position ?? "");
      return before && { type: "O", epoch: Number(field), mode: mode as AttemptMode, before };
    }
    case 69: {
      const last = parsePosition(field);
      return last && { type: "E", last, terminal: JSON.parse(line.slice(second + 1)) as Terminal };
    }
    default:
      return undefined;
  }
}
