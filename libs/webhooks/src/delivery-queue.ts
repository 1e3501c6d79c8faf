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
}

/** A durable queue of webhooks to be delivered, shared by all ingress processes. */
export interface DeliveryQueue {
  /** Durable once resolved; an id that is queued, or was delivered within the last hour, is left alone. */
  enqueue(id: string): Promise<void>;
  /** Begins to work; `deliver` answers whether it is settled, or has to be tried again. A rejection is tried again too. */
  start(deliver: (attempt: DeliveryAttempt) => Promise<"settled" | "again">): Promise<void>;
  /** Takes no further attempt; those under way get a moment. */
  stop(): Promise<void>;
}
