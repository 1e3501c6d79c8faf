import { hashText } from "./seeded-random.js";
import type { SimulatedPrompt } from "./simulated-answer.js";

/** The beginnings of a prompt at which a cache may hold it. */
export interface PrefixChain {
  /** A hash of everything up to each boundary, and the share of the prompt's characters in front of it, 0 to 1. */
  readonly boundaries: readonly { readonly hash: number; readonly share: number }[];
}

/**
 * A stand-in for a server's prefix cache: it remembers hashes of conversations up to the end of each message, and nothing of
 * what a model would compute from them. The least recently used ones are forgotten.
 */
export class PrefixCache {
  /** In order of use. */
  private readonly held = new Set<number>();
  private tokensAsked = 0;
  private tokensHeld = 0;

  /** `size`: boundaries held at most; 0: none. */
  constructor(private readonly size: number) {}

  /** Prompt tokens asked for and, of them, those that were held. */
  get figures(): { readonly queries: number; readonly hits: number } {
    return { queries: this.tokensAsked, hits: this.tokensHeld };
  }

  /** How many of the prompt's `tokens` are held, by the longest beginning that is; all of it is held from now on. */
  admit(chain: PrefixChain, tokens: number): number {
    if (this.size === 0) return 0;
    const longest = chain.boundaries.findLast(({ hash }) => this.held.has(hash));
    // A server computes at least the last token, for it predicts the first of the answer.
    const cached = Math.min(tokens - 1, Math.floor(tokens * (longest?.share ?? 0)));
    this.tokensAsked += tokens;
    this.tokensHeld += cached;
    for (const { hash } of chain.boundaries) this.hold(hash);
    return cached;
  }

  /** An answer was generated behind `chain`: the next turn of the conversation begins with both. */
  extend(chain: PrefixChain, answer: string): void {
    const last = chain.boundaries.at(-1);
    if (this.size > 0 && last !== undefined) this.hold(messageHash(last.hash, "assistant", answer));
  }

  private hold(hash: number): void {
    this.held.delete(hash);
    this.held.add(hash);
    if (this.held.size <= this.size) return;
    for (const oldest of this.held) {
      this.held.delete(oldest);
      return;
    }
  }
}

/** The boundaries of `prompt`: the ends of its messages; a plain prompt has only its own end. */
export function prefixChainOf(prompt: SimulatedPrompt): PrefixChain {
  const messages = "messages" in prompt ? prompt.messages : [{ role: "", content: textOf(prompt.prompt) }];
  const contents = messages.map(({ role, content }) => ({ role, text: textOf(content) }));
  const length = contents.reduce((sum, { text }) => sum + text.length + 1, 0);
  let hash = 0;
  let characters = 0;
  const boundaries = contents.map(({ role, text }) => {
    hash = messageHash(hash, role, text);
    characters += text.length + 1;
    return { hash, share: characters / length };
  });
  return { boundaries };
}

function messageHash(before: number, role: string, text: string): number {
  return hashText(`${role}\u0002${text}`, before);
}

function textOf(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content ?? "");
}
