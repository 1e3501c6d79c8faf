import { createHash, type Hash } from "node:crypto";
import type { Endpoint, PrefixKeys } from "@expert-router/contracts";

/** Longer conversations are not hashed: reading a long prompt twice would cost more than its place in a cache is worth here. */
const maxCharacters = 1_048_576;
const maxMessages = 4_096;
const keyLength = 16;

/**
 * The hashes by which a conversation's last worker is found again; undefined where there is no conversation. `behind` is the
 * prompt that the last assistant message answered, so it equals the `after` of the request that got that answer. They
 * do not depend on the expert, and two tenants never share them: who hits a cache shall not learn what others asked.
 */
export function prefixKeys(
  endpoint: Endpoint,
  body: Readonly<Record<string, unknown>>,
  tenant: string,
): PrefixKeys | undefined {
  const { messages, tools } = body;
  if (endpoint !== "/v1/chat/completions" || !Array.isArray(messages)) return undefined;
  if (messages.length === 0 || messages.length > maxMessages) return undefined;
  const lastAnswer = messages.findLastIndex(isAnswer);
  // Templates put the tools in front of all messages.
  const hash = createHash("sha1").update(JSON.stringify([tenant, tools ?? null]));
  let behind: string | undefined;
  let characters = 0;
  for (const [index, message] of messages.entries()) {
    if (index === lastAnswer && index > 0) behind = keyOf(hash.copy());
    const text = JSON.stringify(message);
    characters += text.length;
    if (characters > maxCharacters) return undefined;
    hash.update(text).update("\n");
  }
  return { behind, after: keyOf(hash) };
}

function isAnswer(message: unknown): boolean {
  return typeof message === "object" && message !== null && "role" in message && message.role === "assistant";
}

function keyOf(hash: Hash): string {
  return hash.digest("hex").slice(0, keyLength);
}
