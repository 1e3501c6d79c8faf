/** Of the circuit breaker in front of an engine: `open` lets no request through, `half-open` one at a time. */
export type CircuitState = "closed" | "half-open" | "open";

/** What a worker tells about itself with every heartbeat. */
export interface WorkerReport {
  readonly id: string;
  readonly expert: string;
  readonly host: string;
  readonly pid: number;
  /** Unix time in ms. */
  readonly startedAtMs: number;
  readonly state: "starting" | "running" | "draining";
  /** Its circuit is not open. */
  readonly engineHealthy: boolean;
  readonly engineCircuit: CircuitState;
  readonly engineKind: string;
  readonly engineModel: string;
  /** Requests in flight, and how many may be. */
  readonly running: number;
  readonly concurrency: number;
  /** How many of them its engine can do now, at most `concurrency`. */
  readonly credits: number;
  /** Requests finished since the worker started. */
  readonly finished: number;
}

/** A message on an expert's control channel. */
export type ControlMessage =
  | { readonly type: "cancel"; readonly id: string }
  | { readonly type: "watch"; readonly id: string; readonly channel: string };
