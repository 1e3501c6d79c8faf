import type { Delta, Usage } from "@expert-router/contracts";
import type { AnswerIdentity } from "./answer-assembler.js";

const roleDelta = '[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]';

/**
 * Writes deltas as OpenAI's stream chunks (JSON text). What is the same in all chunks of an answer is written once,
 * so a token costs one `JSON.stringify` of its text and a concatenation.
 */
export class ChunkEncoder {
  /** The first chunk of a chat; undefined for a text completion, which has none. */
  readonly role: string | undefined;
  private readonly head: string;
  private readonly tail: string;
  private readonly textHead: string;
  private readonly textTail: string;

  constructor(identity: AnswerIdentity, options: { readonly includeUsage: boolean }) {
    const chat = identity.endpoint === "/v1/chat/completions";
    const object = chat ? "chat.completion.chunk" : "text_completion";
    const { id, created, model } = identity;
    const common = JSON.stringify({ id, object, created, model });
    this.head = `${common.slice(0, -1)},"choices":`;
    this.tail = options.includeUsage ? ',"usage":null}' : "}";
    this.textHead = `${this.head}[{"index":0,${chat ? '"delta":{"content":' : '"text":'}`;
    this.textTail = `${chat ? "}" : ',"logprobs":null'},"finish_reason":null}]${this.tail}`;
    this.role = chat ? `${this.head}${roleDelta}${this.tail}` : undefined;
  }

  /** One delta as a chunk; undefined if it says nothing that {@link role} has not said. */
  delta(delta: Delta): string | undefined {
    if (typeof delta === "string") return this.textHead + JSON.stringify(delta) + this.textTail;
    if (this.role !== undefined && isRoleOnly(delta.choices)) return undefined;
    return this.head + JSON.stringify(delta.choices) + this.tail;
  }

  /** A chunk that only says why choice 0 ended, for engines that did not say it. */
  stop(): string {
    const choice = this.role === undefined ? '"text":"","logprobs":null' : '"delta":{}';
    return `${this.head}[{"index":0,${choice},"finish_reason":"stop"}]${this.tail}`;
  }

  /** The last chunk where the client asked for token counts. */
  usage(usage: Usage | undefined): string {
    return `${this.head}[],"usage":${JSON.stringify(usage ?? null)}}`;
  }
}

/** Whether any choice says why it ended. */
export function tellsFinish(delta: Delta): boolean {
  if (typeof delta === "string") return false;
  return delta.choices.some(
    (choice) => (choice as { finish_reason?: unknown } | null)?.finish_reason != null,
  );
}

/** Engines open a chat with a role of their own, and again in each attempt; the client hears it once. */
function isRoleOnly(choices: readonly unknown[]): boolean {
  if (choices.length !== 1) return false;
  const choice = choices[0] as {
    index?: unknown;
    delta?: Record<string, unknown>;
    finish_reason?: unknown;
  } | null;
  if (
    choice === null ||
    typeof choice !== "object" ||
    (choice.index ?? 0) !== 0 ||
    choice.finish_reason != null
  )
    return false;
  if (typeof choice.delta?.["role"] !== "string") return false;
  return Object.entries(choice.delta).every(
    ([name, value]) => name === "role" || value === null || value === "",
  );
}
