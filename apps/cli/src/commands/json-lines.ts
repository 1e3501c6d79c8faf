/** Longest line, in UTF-16 units: a limit, so that a file without line ends does not fill the memory. */
const maxLineChars = 16_000_000;

/**
 * Lines of a UTF-8 stream, ended by LF or CRLF only. Newer versions of node:readline also end lines at U+2028 and
 * U+2029, which JSON allows inside a string.
 * @throws Error if a line is longer than 16 million characters.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    if (rest.length > maxLineChars) throw new Error(`a line of more than ${maxLineChars} characters`);
    for (const line of lines) yield withoutReturn(line);
  }
  rest += decoder.decode();
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
