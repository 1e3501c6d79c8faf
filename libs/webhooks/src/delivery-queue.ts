/** How deliveries are tried again. */
export interface RetryPlan {
  /** Pause behind the first failure; doubled with each further one, less up to a third of it by chance. */
  readonly firstRetryMs: number;
  readonly maxAttempts: number;
}

/** One attempt at a delivery. */
export interface DeliveryAttempt {
  /** Id of the request whose end is told. */
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
  readonly isLast: boolean;
  /** Aborts when this process ends and the attempt has to be given up. */
  readonly signal: AbortSignal;
}

/**
 * What came of an attempt. `settled`: it is over. `again`: it failed, and has to be tried again. `later`: it was not made, or was
 * broken off by us, so it does not count.
 */
export type DeliveryOutcome = "settled" | "again" | "later";

/** A durable queue of webhooks to be delivered, shared by all ingress processes. */
export interface DeliveryQueue {
  /** Durable once resolved; an id that is queued, or was delivered within the last hour, is left alone. */
  enqueue(id: string): Promise<void>;
  /** Begins to work. A rejection of `deliver` is our own trouble, not the receiver's: as `later`. */
  start(deliver: (attempt: DeliveryAttempt) => Promise<DeliveryOutcome>): Promise<void>;
  /** Takes no further attempt; those under way get a moment, and are then broken off. Takes two seconds at most, about. */
  stop(): Promise<void>;
}
