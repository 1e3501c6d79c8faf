import { hashText } from "./seeded-random.js";
import { splitWrittenTokens, vocabulary } from "./vocabulary.js";

/** Why a simulated answer ends. */
export type FinishReason = "stop" | "length";

/** The part of a chat message that the text depends on. */
export interface SimulatedMessage {
  readonly role: string;
  readonly content?: unknown;
}

/** A prompt as the simulator sees it. */
export type SimulatedPrompt =
  | {
      readonly endpoint: "/v1/chat/completions";
      readonly messages: readonly SimulatedMessage[];
      /** The last message is the assistant's own beginning, to go on behind. */
      readonly continueFinalMessage?: boolean | undefined;
    }
  | {
      /** `/v2/generate` stands for the Triton-style endpoints. */
      readonly endpoint: "/v1/completions" | "/v2/generate";
      /** Text, or token ids. */
      readonly prompt: string | readonly number[];
    };

/** What an answer is a function of. */
export type SimulatedAnswerInput = SimulatedPrompt & {
  readonly seed: number;
  /** Exactly so many tokens; left out, the text has its natural length of 16 to 200 tokens. */
  readonly maxTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** Which of `n` choices; 0 unless said otherwise. */
  readonly choice?: number | undefined;
};

/** An answer, token by token; the text is their concatenation. */
export interface SimulatedAnswer {
  readonly tokens: readonly string[];
  readonly finishReason: FinishReason;
}

const minNaturalTokens = 16;
const maxNaturalTokens = 200;

/**
 * The answer to a prompt: a pure function of the seed and the prompt's text, and of nothing else. A prompt that
 * ends with the first tokens of its own answer gets exactly the rest of that answer, for chats
 * (`continueFinalMessage`) and plain prompts alike.
 */
export function simulatedAnswer(input: SimulatedAnswerInput): SimulatedAnswer {
  const { base, tokens: written } = splitWrittenTokens(contextOf(input));
  const hash = mix(hashText(base, input.seed), input.choice ?? 0);
  const natural = minNaturalTokens + (mix(hash, 0x5eed) % (maxNaturalTokens - minNaturalTokens + 1));
  const count = input.maxTokens ?? Math.max(0, natural - written);
  const tokens: string[] = [];
  for (let i = 0; i < count; i += 1) tokens.push(tokenAt(hash, written + i));
  const finishReason = input.maxTokens === undefined ? "stop" : "length";
  return input.stop === undefined
    ? { tokens, finishReason }
    : cutAtStop({ tokens, finishReason }, input.stop);
}

/**
 * The answers of a request with several prompts or choices, in the order of OpenAI's `index`, and a key that is
 * the same for a request and for one that continues it.
 */
export function answersOf(
  prompts: readonly SimulatedPrompt[],
  n: number,
  seed: number,
  maxTokens: number | undefined,
  stop: readonly string[] | undefined,
): { key: string; answers: SimulatedAnswer[] } {
  const key = prompts.map((prompt) => hashText(splitWrittenTokens(contextOf(prompt)).base, seed)).join("-");
  const answers = prompts.flatMap((prompt) =>
    Array.from({ length: n }, (_, choice) => simulatedAnswer({ ...prompt, seed, maxTokens, stop, choice })),
  );
  return { key, answers };
}

/** Tokens a real tokenizer might count in the prompt; good enough for usage figures. */
export function countPromptTokens(prompt: SimulatedPrompt): number {
  if ("prompt" in prompt && typeof prompt.prompt !== "string") return prompt.prompt.length;
  return Math.max(1, Math.ceil(contextOf(prompt).length / 4));
}

function tokenAt(hash: number, index: number): string {
  return vocabulary[mix(hash, index + 1) % vocabulary.length] as string;
}

function contextOf(prompt: SimulatedPrompt): string {
  if (!("messages" in prompt)) {
    return typeof prompt.prompt === "string" ? prompt.prompt : `${prompt.prompt.join(",")},`;
  }
  let context = "";
  for (const message of prompt.messages) context += `\u0001${message.role}\u0002${contentOf(message)}`;
  return prompt.continueFinalMessage === true ? context : `${context}\u0001assistant\u0002`;
}

function contentOf(message: SimulatedMessage): string {
  if (typeof message.content === "string") return message.content;
  return message.content === null || message.content === undefined ? "" : JSON.stringify(message.content);
}

function cutAtStop(answer: SimulatedAnswer, stop: readonly string[]): SimulatedAnswer {
  const text = answer.tokens.join("");
  const found = stop.map((word) => text.indexOf(word)).filter((at) => at >= 0);
  if (found.length === 0) return answer;
  let room = Math.min(...found);
  const tokens: string[] = [];
  for (const token of answer.tokens) {
    if (room <= 0) break;
    tokens.push(token.slice(0, room));
    room -= token.length;
  }
  return { tokens, finishReason: "stop" };
}

/** The finaliser of MurmurHash3 over a counter: independent of order, so an answer can begin anywhere. */
function mix(hash: number, counter: number): number {
  let h = (hash ^ Math.imul(counter + 0x7f4a7c15, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
