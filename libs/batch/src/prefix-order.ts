import type { BatchLine } from "./batch-line.js";

/** Characters of a prompt's beginning that tell lines with the same prefix from others. */
const prefixCharacters = 512;

/** The same lines, those that begin alike behind one another: an engine then finds the prefix in its cache. */
export function orderedByPrefix(lines: readonly BatchLine[]): BatchLine[] {
  const groups = new Map<string, BatchLine[]>();
  for (const line of lines) {
    const prefix = prefixOf(line);
    const group = groups.get(prefix);
    if (group === undefined) groups.set(prefix, [line]);
    else group.push(line);
  }
  return [...groups.values()].flat();
}

function prefixOf({ body }: BatchLine): string {
  const { messages, prompt } = body;
  if (typeof prompt === "string") return prompt.slice(0, prefixCharacters);
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  const { content } = (first ?? {}) as { content?: unknown };
  if (typeof content === "string") return content.slice(0, prefixCharacters);
  // Anything may stand there, as deep as it likes.
  const part: unknown = Array.isArray(content) ? content[0] : undefined;
  const { text } = (part ?? {}) as { text?: unknown };
  return typeof text === "string" ? text.slice(0, prefixCharacters) : "";
}
