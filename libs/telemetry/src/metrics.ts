import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { createRouterMetrics, type RouterMetrics } from "./router-metrics.js";

/** Seconds from a millisecond to ten minutes, for waits. */
const waitBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Seconds between two tokens. */
const interTokenBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];
/** Seconds of work that never waits for another machine. */
const computeBuckets = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1];

/** Every metric of the system. Names begin with `expert_router_`, times are in seconds, no label holds user text. */
export interface Metrics {
  readonly registry: Registry;
  /** Requests accepted, by the expert that was chosen and why. */
  readonly routeDecisions: Counter<"expert" | "reason">;
  readonly classifySeconds: Histogram;
  readonly queueDepth: Gauge<"expert" | "class">;
  /** Time that one more request would wait. */
  readonly estimatedWaitSeconds: Gauge<"expert" | "class">;
  /** Workers that would run what is there and keep to the target waits; for autoscalers. */
  readonly desiredWorkers: Gauge<"expert">;
  /** From accepted to taken by a worker. */
  readonly queueWaitSeconds: Histogram<"expert" | "class">;
  /** From accepted to the first token. */
  readonly ttftSeconds: Histogram<"expert">;
  readonly interTokenSeconds: Histogram<"expert">;
  /** From accepted to the end of the answer. */
  readonly requestSeconds: Histogram<"expert" | "status">;
  /** Tokens generated (`completion`) and read (`prompt`). */
  readonly tokens: Counter<"expert" | "kind">;
  /** Requests that reached their end, by how they ended. */
  readonly jobs: Counter<"status">;
  /** Requests that a worker is running. */
  readonly running: Gauge<"expert">;
  /** Requests that the workers of an expert may run at once. */
  readonly capacity: Gauge<"expert">;
  /** Requests that the worker gives to its engine at once, as its engine can do now. */
  readonly engineCredits: Gauge<"expert">;
  readonly workers: Gauge<"expert">;
  /** 1 while the worker's engine answers its health check and the circuit in front of it is not open. */
  readonly engineUp: Gauge<"expert">;
  /** 0 closed, 1 half-open, 2 open. */
  readonly engineCircuitState: Gauge<"expert">;
  readonly engineErrors: Counter<"expert" | "code">;
  /** Attempts begun, by how they began (`fresh`, `continue`, `restart`). */
  readonly attempts: Counter<"expert" | "mode">;
  /** Jobs handed back to the queue unfinished, by why (`drain`, `retry`, `circuit-open`, `worker-lost`), or put back
   * because Redis had lost them (`queue-lost`). */
  readonly handBacks: Counter<"expert" | "cause">;
  /** Requests that failed for good, in the list that can be replayed. */
  readonly deadLetters: Gauge<"expert">;
  readonly deadLettersAdded: Counter<"expert" | "code">;
  readonly httpRequests: Counter<"method" | "route" | "status">;
  readonly httpSeconds: Histogram<"method" | "route">;
  /** Answers that are being streamed to clients. */
  readonly openStreams: Gauge;
  /** Errors answered to clients, by code of the error table. */
  readonly errors: Counter<"code">;
  /** Versions of the router and what they decide. */
  readonly router: RouterMetrics;
}

/** New metrics on a registry of their own; one call a process. */
export function createMetrics(options: { readonly defaultMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.defaultMetrics ?? true) collectDefaultMetrics({ register: registry, prefix: "expert_router_" });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `expert_router_${name}`, help, labelNames, registers });
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Gauge<Label> => new Gauge({ name: `expert_router_${name}`, help, labelNames, registers });
  const histogram = <Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[] = [],
  ): Histogram<Label> =>
    new Histogram({ name: `expert_router_${name}`, help, buckets, labelNames, registers });

  return {
    registry,
    routeDecisions: counter("route_decisions_total", "Requests by chosen expert and reason.", [
      "expert",
      "reason",
    ]),
    classifySeconds: histogram("classify_seconds", "Time to classify one prompt.", computeBuckets),
    queueDepth: gauge("queue_depth", "Requests waiting.", ["expert", "class"]),
    estimatedWaitSeconds: gauge("estimated_wait_seconds", "Time that one more request would wait.", [
      "expert",
      "class",
    ]),
    desiredWorkers: gauge("desired_workers", "Workers that would keep to the target waits.", ["expert"]),
    queueWaitSeconds: histogram(
      "queue_wait_seconds",
      "Time from accepted to taken by a worker.",
      waitBuckets,
      ["expert", "class"],
    ),
    ttftSeconds: histogram("ttft_seconds", "Time from accepted to the first token.", waitBuckets, ["expert"]),
    interTokenSeconds: histogram("inter_token_seconds", "Time between two tokens.", interTokenBuckets, [
      "expert",
    ]),
    requestSeconds: histogram("request_seconds", "Time from accepted to the end.", waitBuckets, [
      "expert",
      "status",
    ]),
    tokens: counter("tokens_total", "Tokens, generated or read.", ["expert", "kind"]),
    jobs: counter("jobs_total", "Requests that ended, by status.", ["status"]),
    running: gauge("running_requests", "Requests being run.", ["expert"]),
    capacity: gauge("capacity_requests", "Requests that may run at once.", ["expert"]),
    engineCredits: gauge("engine_credits", "Requests that the engine can do at once now.", ["expert"]),
    workers: gauge("workers", "Workers alive.", ["expert"]),
    engineUp: gauge("engine_up", "1 while the engine takes requests.", ["expert"]),
    engineCircuitState: gauge(
      "engine_circuit_state",
      "Circuit breaker of the engine: 0 closed, 1 half-open, 2 open.",
      ["expert"],
    ),
    engineErrors: counter("engine_errors_total", "Failed engine calls by error code.", ["expert", "code"]),
    attempts: counter("attempts_total", "Attempts begun.", ["expert", "mode"]),
    handBacks: counter("hand_backs_total", "Jobs handed back unfinished.", ["expert", "cause"]),
    deadLetters: gauge("dead_letters", "Requests that failed for good and can be replayed.", ["expert"]),
    deadLettersAdded: counter("dead_letters_total", "Requests that failed for good, by error code.", [
      "expert",
      "code",
    ]),
    httpRequests: counter("http_requests_total", "HTTP requests answered.", ["method", "route", "status"]),
    httpSeconds: histogram("http_request_seconds", "Time to answer an HTTP request.", waitBuckets, [
      "method",
      "route",
    ]),
    openStreams: gauge("open_streams", "Answers being streamed."),
    errors: counter("errors_total", "Errors answered to clients, by code.", ["code"]),
    router: createRouterMetrics(registry),
  };
}
