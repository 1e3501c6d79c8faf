import type { Endpoint, Usage } from "@expert-router/contracts";
import { EngineError } from "./engine-error.js";
import type { EngineEvent } from "./inference-engine.js";
import { SseParser, type EventFraming } from "./sse-parser.js";
import type { StreamDecoder } from "./stream-decoder.js";
import { TextPattern } from "./text-pattern.js";
import { failureInStream } from "./upstream-failure.js";

type Json = Readonly<Record<string, unknown>>;

/** Reads the chunks of an OpenAI-compatible stream. */
export class OpenAiDecoder implements StreamDecoder {
  done = false;
  private readonly chat: boolean;
  private readonly endsWithDone: boolean;
  private readonly pattern: TextPattern;
  private readonly parser: SseParser;
  private readonly texts: string[] = [];
  private events: EngineEvent[] = [];
  private sawFinish = false;

  /**
   * An answer is complete once a finish reason was given; `endsWithDone`: the family also closes each stream with
   * `[DONE]`. The marker alone does not do: llama-cpp-python writes it behind an answer that another request cut short.
   */
  constructor(endpoint: Endpoint, endsWithDone: boolean) {
    this.chat = endpoint === "/v1/chat/completions";
    this.endsWithDone = endsWithDone;
    this.pattern = new TextPattern(this.chat ? "content" : "text");
    this.parser = new SseParser({
      onData: (data, framing) => this.readEvent(data, framing),
      takeKnown: (text, from) => this.takeKnown(text, from),
    });
  }

  push(bytes: Buffer, events: EngineEvent[]): void {
    this.events = events;
    this.parser.push(bytes);
  }

  end(): void {
    if (!this.done && (this.endsWithDone || !this.sawFinish)) throw incomplete();
  }

  private takeKnown(text: string, from: number): number {
    if (this.done) return from;
    const { texts, events } = this;
    const stopped = this.pattern.take(text, from, texts);
    for (const delta of texts) events.push({ type: "delta", delta });
    texts.length = 0;
    return stopped;
  }

  private readEvent(data: string, framing: EventFraming | undefined): void {
    if (this.done) return;
    if (data.trim() === "[DONE]") {
      if (!this.sawFinish) throw incomplete();
      this.done = true;
      return;
    }
    const chunk = parseChunk(data);
    if (chunk["error"] !== undefined && chunk["error"] !== null) throw failureInStream(chunk["error"]);
    const { choices, usage } = chunk;
    if (choices !== undefined && choices !== null && !Array.isArray(choices)) {
      throw new EngineError("engine_protocol_error", "The engine sent a chunk whose choices are no array.");
    }
    if (Array.isArray(choices) && choices.length > 0)
      this.readChoices(choices, data, framing, !isObject(usage));
    if (isUsage(usage)) this.events.push({ type: "usage", usage });
  }

  private readChoices(
    choices: readonly unknown[],
    data: string,
    framing: EventFraming | undefined,
    bare: boolean,
  ): void {
    if (choices.some((choice) => isObject(choice) && typeof choice["finish_reason"] === "string"))
      this.sawFinish = true;
    const text = choices.length === 1 ? this.plainText(choices[0]) : undefined;
    if (text === undefined) {
      this.events.push({ type: "delta", delta: { choices } });
    } else if (text !== "") {
      this.events.push({ type: "delta", delta: text });
      if (bare) this.pattern.learn(data, text, framing);
    }
  }

  /** The text of a choice that says nothing else; a role alone says nothing, as the front door sends its own. */
  private plainText(choice: unknown): string | undefined {
    if (!isObject(choice) || choice["index"] !== 0) return undefined;
    for (const key in choice) {
      if (key !== "index" && key !== "delta" && key !== "text" && !isNothing(choice[key])) return undefined;
    }
    if (!this.chat) return typeof choice["text"] === "string" ? choice["text"] : undefined;
    const { delta } = choice;
    if (!isObject(delta) || !isNothing(choice["text"])) return undefined;
    for (const key in delta) {
      if (key !== "content" && key !== "role" && !isNothing(delta[key])) return undefined;
    }
    const { content } = delta;
    if (content === undefined || content === null) return "";
    return typeof content === "string" ? content : undefined;
  }
}

function incomplete(): EngineError {
  return new EngineError(
    "engine_protocol_error",
    "The engine ended its stream before the answer was complete.",
  );
}

function parseChunk(data: string): Json {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch (cause) {
    throw new EngineError("engine_protocol_error", "The engine sent an event that is not JSON.", { cause });
  }
  if (!isObject(chunk))
    throw new EngineError("engine_protocol_error", "The engine sent an event that is no JSON object.");
  return chunk;
}

function isUsage(value: unknown): value is Usage {
  return (
    isObject(value) &&
    typeof value["completion_tokens"] === "number" &&
    typeof value["prompt_tokens"] === "number"
  );
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Families fill fields that they do not use with null, "" or []. */
const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
