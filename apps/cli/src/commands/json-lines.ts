/** Lines of a byte stream, with a limit on each, so that a file without line ends does not fill the memory. */

/** Longest line in bytes. Many times the longest prompt that a router reads. */
export const maxLineBytes = 1_048_576;

const lineFeed = 0x0a;

/** A line that cannot be read. */
export class LineError extends Error {
  override readonly name = "LineError";

  constructor(
    /** Its number, from 1. */
    readonly line: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Lines of a UTF-8 stream, ended by LF or CRLF only; a byte order mark is left out. Newer versions of node:readline
 * also end lines at U+2028 and U+2029, which JSON allows inside a string.
 * @throws LineError if a line has more than `longest` bytes, as soon as that many were read, or is not UTF-8.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  longest = maxLineBytes,
): AsyncGenerator<string> {
  let number = 1;
  for await (const bytes of byteLines(chunks, longest)) yield decodeLine(bytes, number++);
}

/**
 * What stands between the LFs of a stream; what is behind the last one comes if there is something.
 * @throws LineError if that has more than `longest` bytes, as soon as so many were read.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let pending = 0;
  let number = 1;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      assertRoom(pending + end - start, longest, number++);
      pieces.push(chunk.subarray(start, end));
      yield joined(pieces);
      pieces = [];
      pending = 0;
      start = end + 1;
    }
    pending += chunk.length - start;
    assertRoom(pending, longest, number);
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (pending > 0) yield joined(pieces);
}

function assertRoom(bytes: number, longest: number, line: number): void {
  if (bytes > longest) throw new LineError(line, `longer than ${longest / 1_048_576} MiB`);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

function decodeLine(bytes: Uint8Array, line: number): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  } catch (cause) {
    throw new LineError(line, "not UTF-8", { cause });
  }
}
