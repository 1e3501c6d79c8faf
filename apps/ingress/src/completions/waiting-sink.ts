import type { Following, TokenSink } from "@expert-router/token-stream";

/** A sink that an HTTP client waits behind. */
export interface WaitingSink extends TokenSink {
  /** Names the follow that feeds it. */
  attach(following: Following): void;
  /** Nobody waits for it any more. */
  readonly isOver: boolean;
  /** Forgets what came so far, because the answer was lost and begins anew; false: the client has a part of it. */
  startOver(): boolean;
}
