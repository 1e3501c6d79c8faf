/**
 * One delta of an answer, as the engine sent it. A string is text appended to choice 0, the case of nearly
 * every token; anything else (role, tool calls, log-probabilities, other choices, a finish reason) is the
 * engine's own `choices` array.
 */
export type Delta = string | { readonly choices: readonly unknown[] };

/**
 * A place in a token log: attempt (`epoch`, from 1) and delta within the attempt (`seq`, from 1; 0 is the
 * opening of the attempt). Written `<epoch>-<seq>`, which is a Redis stream id and an SSE event id.
 */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

/** Before the first delta of the first attempt. */
export const startPosition: Position = { epoch: 0, seq: 0 };

/** The greatest id a log can hold. Whoever writes it first has closed the log for good. */
export const terminalPosition: Position = { epoch: Number.MAX_SAFE_INTEGER, seq: 1 };

/** `3-17` from `{ epoch: 3, seq: 17 }`. */
export function formatPosition(position: Position): string {
  return `${position.epoch}-${position.seq}`;
}

/** The position written in `text`, or undefined if it is none. */
export function parsePosition(text: string): Position | undefined {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(text);
  if (match === null) return undefined;
  const position = { epoch: Number(match[1]), seq: Number(match[2]) };
  return Number.isSafeInteger(position.epoch) && Number.isSafeInteger(position.seq) ? position : undefined;
}

/** Negative if `a` comes before `b`, 0 if they are equal, positive otherwise. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/**
 * How an attempt begins. `fresh`: nothing was accepted before. `continue`: it goes on behind the last accepted
 * delta. `restart`: what earlier attempts wrote was shown to nobody and is void. `interrupted`: it can do
 * neither, so the request fails. `closed`: the log has its terminal entry already. `gone`: the request's
 * record has expired or was never written.
 */
export type AttemptMode = "fresh" | "continue" | "restart" | "interrupted" | "closed" | "gone";

/** Token counts as OpenAI reports them. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly [detail: string]: unknown;
}

/** The last entry of a log. Exactly one is ever accepted for a request. */
export interface Terminal {
  readonly status: "completed" | "failed" | "cancelled" | "expired";
  readonly usage?: Usage | undefined;
  /** Time from accepted to the beginning of the first attempt; unset where none began. */
  readonly queueMs?: number | undefined;
  /** Set when the status is `failed` or `expired`. `code` is one of the error table. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}
