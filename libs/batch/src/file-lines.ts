/** Longest line in bytes: that of a request body, as the other routes take it. */
export const maxLineBytes = 4 * 1_048_576;

/** A line that is not blank. */
export interface FileLine {
  /** Its number, from 1; blank lines count. */
  readonly line: number;
  /** Without the line's end; undefined where it is longer than {@link maxLineBytes}. */
  readonly bytes: Uint8Array | undefined;
  /** Where {@link bytes} begin in the file. */
  readonly offset: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The lines of a stream, those that one piece completes at a time. Lines end with LF or CRLF; a byte order mark in front
 * and blank lines are left out. Memory is bounded by a piece and one line.
 */
export async function* fileLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<FileLine[]> {
  const reader = new LineReader();
  for await (const piece of body) {
    const lines = reader.take(piece);
    if (lines.length > 0) yield lines;
  }
  const last = reader.end();
  if (last !== undefined) yield [last];
}

class LineReader {
  private pieces: Uint8Array[] = [];
  private pending = 0;
  private tooLong = false;
  private line = 1;
  /** Where the line begins. */
  private offset = 0;

  take(piece: Uint8Array): FileLine[] {
    const lines: FileLine[] = [];
    let start = 0;
    for (let end = piece.indexOf(lineFeed); end >= 0; end = piece.indexOf(lineFeed, start)) {
      this.add(piece.subarray(start, end));
      const found = this.finish();
      this.offset += 1;
      if (found !== undefined) lines.push(found);
      start = end + 1;
    }
    // A copy, for the piece may be large and the rest short.
    if (start < piece.length) this.add(Buffer.from(piece.subarray(start)));
    return lines;
  }

  end(): FileLine | undefined {
    return this.pending > 0 || this.tooLong ? this.finish() : undefined;
  }

  private add(part: Uint8Array): void {
    this.pending += part.length;
    // Its end and the mark may still come off.
    if (this.pending > maxLineBytes + 4) {
      this.tooLong = true;
      this.pieces = [];
    } else if (part.length > 0) {
      this.pieces.push(part);
    }
  }

  private finish(): FileLine | undefined {
    const { line, tooLong } = this;
    let { offset } = this;
    let bytes = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces);
    this.line += 1;
    this.offset += this.pending;
    this.pieces = [];
    this.pending = 0;
    this.tooLong = false;
    if (tooLong) return { line, bytes: undefined, offset };
    if (line === 1 && byteOrderMark.equals(bytes.subarray(0, 3))) {
      bytes = bytes.subarray(3);
      offset += 3;
    }
    if (bytes.at(-1) === carriageReturn) bytes = bytes.subarray(0, -1);
    if (bytes.length > maxLineBytes) return { line, bytes: undefined, offset };
    return isBlank(bytes) ? undefined : { line, bytes, offset };
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === carriageReturn);
}
