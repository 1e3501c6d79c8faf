import type { ChatMessage } from "@expert-router/contracts";

/** Longest text that is classified, in UTF-16 units. */
export const maxClassifiedChars = 4_000;

/** User turns of a conversation that are looked at, counted from the end. */
export const maxUserTurns = 3;

/**
 * An earlier turn is read only while the newer ones are shorter than this, in UTF-16 units: "and in French?"
 * says nothing alone, while a long last turn speaks for itself.
 */
const enoughChars = 200;

/** The text parts of one message, joined by line breaks. Images and other parts are skipped. */
export function messageText(message: ChatMessage): string {
  if (typeof message.content === "string") return message.content;
  return (message.content ?? [])
    .flatMap((part) => (typeof part.text === "string" ? [part.text] : []))
    .join("\n");
}

/**
 * Keeps the first three quarters and the last quarter of {@link maxClassifiedChars}: instructions stand at the
 * start of a prompt or at its end, material between.
 */
export function truncateText(text: string): string {
  if (text.length <= maxClassifiedChars) return text;
  const tail = maxClassifiedChars / 4;
  return `${text.slice(0, maxClassifiedChars - tail - 1)}\n${text.slice(-tail)}`;
}

/**
 * The text of a request that is classified. Of a conversation: the last user turn, with up to
 * {@link maxUserTurns} − 1 earlier ones before it as long as what was taken is short. Empty if there is none.
 */
export function classifiedText(input: string | readonly ChatMessage[]): string {
  if (typeof input === "string") return truncateText(input.trim());
  const turns: string[] = [];
  let chars = 0;
  for (
    let index = input.length - 1;
    index >= 0 && turns.length < maxUserTurns && chars < enoughChars;
    index--
  ) {
    if (input[index]!.role !== "user") continue;
    const text = messageText(input[index]!).trim();
    if (text === "") continue;
    turns.unshift(text);
    chars += text.length;
  }
  return truncateText(turns.join("\n"));
}
