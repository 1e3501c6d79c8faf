import { EngineError } from "./engine-error.js";
import type { EngineEvent } from "./inference-engine.js";
import { SseParser, type EventFraming } from "./sse-parser.js";
import type { StreamDecoder } from "./stream-decoder.js";
import { TextPattern } from "./text-pattern.js";
import { failureInStream } from "./upstream-failure.js";

/** Reads the events of Triton's `generate_stream`. The end of the body is the end of the answer. */
export class TritonDecoder implements StreamDecoder {
  readonly done = false;
  private readonly pattern = new TextPattern("text_output");
  private readonly parser: SseParser;
  private readonly texts: string[] = [];
  private events: EngineEvent[] = [];
  private sawEvent = false;
  private finishReason: string | undefined;

  /** `finish` makes the delta that closes the answer from its finish reason. */
  constructor(private readonly finish: (reason: string) => EngineEvent) {
    this.parser = new SseParser({
      onData: (data, framing) => this.readEvent(data, framing),
      takeKnown: (text, from) => this.takeKnown(text, from),
    });
  }

  push(bytes: Buffer, events: EngineEvent[]): void {
    this.events = events;
    this.parser.push(bytes);
  }

  end(events: EngineEvent[]): void {
    if (!this.sawEvent)
      throw new EngineError("engine_protocol_error", "The engine ended its stream without an answer.");
    events.push(this.finish(this.finishReason ?? "stop"));
  }

  private takeKnown(text: string, from: number): number {
    const stopped = this.pattern.take(text, from, this.texts);
    for (const delta of this.texts) this.events.push({ type: "delta", delta });
    this.texts.length = 0;
    return stopped;
  }

  private readEvent(data: string, framing: EventFraming | undefined): void {
    let output: { error?: unknown; text_output?: unknown; finish_reason?: unknown };
    try {
      output = JSON.parse(data);
    } catch (cause) {
      throw new EngineError("engine_protocol_error", "The engine sent an event that is not JSON.", { cause });
    }
    if (output.error !== undefined && output.error !== null) throw failureInStream(output.error);
    const text = output.text_output;
    if (typeof text !== "string")
      throw new EngineError("engine_protocol_error", "The engine sent an event without text_output.");
    this.sawEvent = true;
    if (typeof output.finish_reason === "string" && output.finish_reason !== "")
      this.finishReason = output.finish_reason;
    if (text === "") return;
    this.events.push({ type: "delta", delta: text });
    this.pattern.learn(data, text, framing);
  }
}
