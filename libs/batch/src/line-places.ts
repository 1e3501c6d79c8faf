import type { FileLine } from "./file-lines.js";

/** Where a line is in its file. */
export interface LinePlace {
  /** Its number, from 1. */
  readonly line: number;
  readonly offset: number;
  /** Its length, without the line's end. */
  readonly bytes: number;
}

/** Lines that lie closer to each other are read in one piece, with what is between them. */
const maxGapBytes = 65_536;
/** Bytes read in one piece, unless a line is longer. */
const maxPieceBytes = 4 * 1_048_576;

/**
 * Reads lines whose places are known, in the order of the file. `read` answers bytes of the file, undefined where it is gone.
 * @throws Error if the file is gone or shorter than it was.
 */
export async function readLinesAt(
  places: readonly LinePlace[],
  read: (range: {
    readonly offset: number;
    readonly length: number;
  }) => Promise<AsyncIterable<Uint8Array> | undefined>,
): Promise<FileLine[]> {
  const lines: FileLine[] = [];
  for (const piece of piecesOf(places.toSorted((a, b) => a.offset - b.offset))) {
    const { offset } = piece[0]!;
    const length = endOf(piece.at(-1)!) - offset;
    const body = await read({ offset, length });
    const bytes = body && (await gather(body));
    if (bytes?.length !== length) throw new Error("the input file is gone or has become shorter");
    for (const place of piece) {
      const start = place.offset - offset;
      lines.push({
        line: place.line,
        bytes: bytes.subarray(start, start + place.bytes),
        offset: place.offset,
      });
    }
  }
  return lines;
}

function piecesOf(places: readonly LinePlace[]): LinePlace[][] {
  const pieces: LinePlace[][] = [];
  for (const place of places) {
    const piece = pieces.at(-1);
    const fits =
      piece !== undefined &&
      place.offset - endOf(piece.at(-1)!) <= maxGapBytes &&
      endOf(place) - piece[0]!.offset <= maxPieceBytes;
    if (fits) piece.push(place);
    else pieces.push([place]);
  }
  return pieces;
}

function endOf({ offset, bytes }: LinePlace): number {
  return offset + bytes;
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}
