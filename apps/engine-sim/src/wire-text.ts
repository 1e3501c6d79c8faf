/**
 * Text on its way to a socket: one character for each UTF-8 byte, to be written as latin1. Its length is its size in
 * bytes and writing it copies bytes, so the cost of encoding is paid once for each vocabulary token.
 */
export type WireText = string;

const maxCached = 65_536;
const quotedTokens = new Map<string, WireText>();

export function toWire(text: string): WireText {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** `token` as a JSON string. */
export function quoteToken(token: string): WireText {
  let quoted = quotedTokens.get(token);
  if (quoted === undefined) {
    quoted = toWire(JSON.stringify(token));
    if (quotedTokens.size < maxCached) quotedTokens.set(token, quoted);
  }
  return quoted;
}
