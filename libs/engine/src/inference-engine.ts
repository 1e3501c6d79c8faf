import type { Delta, EngineKind, Endpoint, Usage } from "@expert-router/contracts";
import type { EngineLoad } from "./engine-load.js";

/** What a server family can do beyond plain generation. */
export interface EngineCapabilities {
  readonly chat: boolean;
  readonly completions: boolean;
  /** It can go on behind a partial assistant message. */
  readonly continuesChat: boolean;
  /** It can go on behind a partial text completion (true wherever the prompt is plain text). */
  readonly continuesCompletion: boolean;
  /** Closing the connection ends the generation. */
  readonly abortsOnDisconnect: boolean;
  /** The stream ends with token counts. */
  readonly reportsUsage: boolean;
}

/** One generation to run. */
export interface EngineCall {
  readonly endpoint: Endpoint;
  /** The client's body. The adapter sets model, stream and usage options itself and passes unknown fields on. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Text accepted from earlier attempts, to go on behind; the engine's answer does not repeat it. */
  readonly continueBehind?: { readonly text: string; readonly tokens: number } | undefined;
}

/** What an engine says while it generates. */
export type EngineEvent =
  | { readonly type: "delta"; readonly delta: Delta }
  | { readonly type: "usage"; readonly usage: Usage };

/** An inference server. One per worker. */
export interface InferenceEngine {
  readonly kind: EngineKind;
  readonly capabilities: EngineCapabilities;
  /**
   * Runs a generation, always streaming; yields the events of each network read together. Ends normally only when the
   * server said it was done. Throws an {@link EngineError} otherwise; aborting `signal` closes the connection at once and
   * throws its reason.
   */
  generate(call: EngineCall, signal: AbortSignal): AsyncIterable<readonly EngineEvent[]>;
  /** Whether the server would take a request now. Never throws. */
  healthy(timeoutMs: number): Promise<boolean>;
  /** What the server says of its load; undefined while it cannot be told. Absent where the family says nothing. Never throws. */
  readonly load?: (timeoutMs: number) => Promise<EngineLoad | undefined>;
  close(): Promise<void>;
}
