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

/** Turns of a conversation that are decided on one after the other, counted from the end. */
export const maxReplayedTurns = 8;

/**
 * The text of a request that is classified. Of a conversation: the last user turn, with up to
 * {@link maxUserTurns} − 1 earlier ones before it as long as what was taken is short. Empty if there is none.
 */
export function classifiedText(input: string | readonly ChatMessage[]): string {
  return classifiedTurns(input, 1)[0] ?? "";
}

/**
 * The texts that a conversation is decided by, oldest first: for each of its last `most` user turns with text, what
 * {@link classifiedText} would have taken when that turn was the last. The words of the assistant, of the system and of
 * tools never count. Empty without any text; one element for a single text.
 */
export function classifiedTurns(input: string | readonly ChatMessage[], most = maxReplayedTurns): string[] {
  if (typeof input === "string") {
    const text = truncateText(input.trim());
    return text === "" ? [] : [text];
  }
  const turns = lastUserTurns(input, most + maxUserTurns - 1);
  const first = Math.max(0, turns.length - most);
  return turns.slice(first).map((_, at) => turnText(turns, first + at));
}

/** Texts of up to `most` user turns with text, from the end of the conversation, in its order. */
function lastUserTurns(messages: readonly ChatMessage[], most: number): string[] {
  const turns: string[] = [];
  for (let index = messages.length - 1; index >= 0 && turns.length < most; index--) {
    if (messages[index]!.role !== "user") continue;
    const text = messageText(messages[index]!).trim();
    if (text !== "") turns.push(text);
  }
  return turns.toReversed();
}

/** The turn at `last`, behind the turns before it that it needs. */
function turnText(turns: readonly string[], last: number): string {
  let first = last;
  let chars = turns[last]!.length;
  while (first > 0 && last - first < maxUserTurns - 1 && chars < enoughChars) chars += turns[--first]!.length;
  return truncateText(turns.slice(first, last + 1).join("\n"));
}
