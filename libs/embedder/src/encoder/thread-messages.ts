/** What an encoder's thread and its host tell each other. */
import type { EncoderErrorCode } from "./encoder-error.js";
import type { EncoderPlan } from "./encoder-plan.js";

/** Given to the thread at its start. */
export interface ThreadData {
  readonly plan: EncoderPlan;
  /** Threads that one run of the model uses. */
  readonly threads: number;
}

/** The host asks one thing at a time. */
export type ThreadRequest =
  | { readonly kind: "encode"; readonly texts: readonly string[] }
  | { readonly kind: "close" };

export type ThreadReply =
  | { readonly kind: "ready"; readonly dimensions: number }
  /** The encoder cannot be opened; the thread ends. */
  | { readonly kind: "unfit"; readonly code: EncoderErrorCode; readonly message: string }
  /** `rows` is transferred. */
  | { readonly kind: "encoded"; readonly rows: Float32Array; readonly tokens: number }
  | { readonly kind: "failed"; readonly message: string };
