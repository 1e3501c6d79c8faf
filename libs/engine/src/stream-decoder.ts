import type { EngineEvent } from "./inference-engine.js";

/** Turns the bytes of one answer's stream into events. */
export interface StreamDecoder {
  /** The server said that the answer is complete. */
  readonly done: boolean;
  /** Appends the events of one read to `events`. Throws an EngineError when the stream is not what it should be. */
  push(bytes: Buffer, events: EngineEvent[]): void;
  /** The body ended in good order; appends what is still to say. Throws an EngineError if the answer cannot be complete. */
  end(events: EngineEvent[]): void;
}
