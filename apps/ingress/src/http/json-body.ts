import { CodedError } from "@expert-router/contracts";

/** Levels of arrays and objects in a body. Tool schemas stay far below; recursive code would not survive thousands. */
export const maxNesting = 200;

const quote = 0x22;
const backslash = 0x5c;

/** Whether arrays and objects in this JSON text lie more than `max` deep. Looks once at every character outside strings. */
export function isNestedDeeper(text: string, max: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > max) return true;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
    }
  }
  return false;
}

/**
 * Refuses JSON text that is nested so deep that recursive code could not handle it.
 * @throws CodedError `invalid_value`
 */
export function refuseDeepNesting(text: string): void {
  if (!isNestedDeeper(text, maxNesting)) return;
  throw new CodedError("invalid_value", `The request body is nested more than ${maxNesting} levels deep.`);
}

/** Whether `text` is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Refused for a key that JavaScript gives a meaning of its own. */
export function forbiddenKey(): CodedError {
  const message = "The request body must not contain the keys '__proto__' or 'constructor.prototype'.";
  return new CodedError("invalid_value", message);
}

/** Index of the quote that ends the string which begins at `start`; the last index if none does. */
function endOfString(text: string, start: number): number {
  for (let at = start; ;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
