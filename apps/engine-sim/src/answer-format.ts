import type { SimulatedAnswer } from "./simulated-answer.js";
import { toWire, type WireText } from "./wire-text.js";

export interface SimUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  /** Where there is a (simulated) prefix cache. */
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
}

/** How an endpoint writes an answer. Stream parts are whole SSE events, except `head` and `tail`, which enclose a token. */
export interface AnswerFormat {
  /** Before the first token of a choice. */
  opening(choice: number): WireText;
  head(choice: number): WireText;
  readonly tail: WireText;
  finish(choice: number, reason: string): WireText;
  /** After everything; `usage` is undefined when it was not asked for. */
  closing(usage: SimUsage | undefined): WireText;
  /** An error behind a 200. */
  failure(message: string): WireText;
  /** The whole answer of a request that does not stream. */
  whole(answers: readonly SimulatedAnswer[], usage: SimUsage): unknown;
}

const event = (value: unknown): WireText => `data: ${toWire(JSON.stringify(value))}\n\n`;
const textOf = (answer: SimulatedAnswer): string => answer.tokens.join("");

/** The parts of an event in which `placeholder` stands for a token. */
function enclose(value: unknown): [head: WireText, tail: WireText] {
  const [head = "", tail = ""] = event(value).split('"\\u0000"');
  return [head, tail];
}

const placeholder = "\u0000";

function openAiFailure(message: string): WireText {
  return `${event({ error: { message, type: "InternalServerError", param: null, code: 500 } })}data: [DONE]\n\n`;
}

/** `/v1/chat/completions`. */
export function chatFormat(id: string, created: number, model: string): AnswerFormat {
  const chunk = { id, object: "chat.completion.chunk", created, model };
  const choiceOf = (index: number, delta: object, reason: string | null = null): object => ({
    ...chunk,
    choices: [{ index, delta, finish_reason: reason }],
  });
  return {
    opening: (choice) => event(choiceOf(choice, { role: "assistant", content: "" })),
    head: (choice) => enclose(choiceOf(choice, { content: placeholder }))[0],
    tail: enclose(choiceOf(0, { content: placeholder }))[1],
    finish: (choice, reason) => event(choiceOf(choice, {}, reason)),
    closing: (usage) =>
      `${usage === undefined ? "" : event({ ...chunk, choices: [], usage })}data: [DONE]\n\n`,
    failure: openAiFailure,
    whole: (answers, usage) => ({
      ...chunk,
      object: "chat.completion",
      choices: answers.map((answer, index) => ({
        index,
        message: { role: "assistant", content: textOf(answer), refusal: null },
        logprobs: null,
        finish_reason: answer.finishReason,
      })),
      usage,
    }),
  };
}

/** `/v1/completions`. */
export function completionFormat(id: string, created: number, model: string): AnswerFormat {
  const chunk = { id, object: "text_completion", created, model };
  const choiceOf = (index: number, text: string, reason: string | null = null): object => ({
    ...chunk,
    choices: [{ index, text, logprobs: null, finish_reason: reason }],
  });
  return {
    opening: () => "",
    head: (choice) => enclose(choiceOf(choice, placeholder))[0],
    tail: enclose(choiceOf(0, placeholder))[1],
    finish: (choice, reason) => event(choiceOf(choice, "", reason)),
    closing: (usage) =>
      `${usage === undefined ? "" : event({ ...chunk, choices: [], usage })}data: [DONE]\n\n`,
    failure: openAiFailure,
    whole: (answers, usage) => ({
      ...chunk,
      choices: answers.map((answer, index) => ({
        index,
        text: textOf(answer),
        logprobs: null,
        finish_reason: answer.finishReason,
      })),
      usage,
    }),
  };
}

/** Triton's generate extension. Its stream has no closing event: the end of the body is the end of the answer. */
export function tritonFormat(model: string): AnswerFormat {
  const named = { model_name: model, model_version: "1" };
  const [head, tail] = enclose({ ...named, text_output: placeholder });
  return {
    opening: () => "",
    head: () => head,
    tail,
    finish: () => "",
    closing: () => "",
    failure: (message) => event({ error: message }),
    whole: (answers) => ({ ...named, text_output: answers.map(textOf).join("") }),
  };
}
