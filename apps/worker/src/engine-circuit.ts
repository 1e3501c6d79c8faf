import type { CircuitState } from "@expert-router/contracts";
import type { EngineError } from "@expert-router/engine";

/** Failures in a row, with no first token of any call in between, that open the circuit. */
const failuresInARow = 5;
/** Or: at least so many calls ended within the window, and half of them or more failed. */
const fewestOutcomes = 10;
const keptOutcomes = 50;
const windowMs = 30_000;
/** Failed health checks in a row that open it: one may be lost on a busy machine. */
const failedProbes = 2;
const healthyProbeMs = 1_000;
/** Behind a failed call; so that a hundred of them ask once. */
const suspiciousProbeMs = 100;
/** First pause while it is open; doubled with each failure, up to the limit of what failed. */
const firstPauseMs = 500;
const maxProbePauseMs = 5_000;
const maxTrialPauseMs = 30_000;
/** An engine's `retry-after` is obeyed up to this. */
const maxAskedPauseMs = 300_000;

/** What became of one engine call, for the circuit. */
export interface CircuitCall {
  /** The first token came. */
  answered(): void;
  /** It ended; without an error: well, or for a reason that says nothing of the engine. */
  ended(error?: EngineError): void;
}

/**
 * The circuit breaker of one engine. Closed: the worker pulls. Open: it pulls nothing, so that its queue is left to other
 * workers, and the engine's health is asked after growing pauses. Half-open: the engine says it is well; one request is
 * let through, and its first token closes the circuit.
 */
export class EngineCircuit {
  private current: CircuitState = "open";
  /** Before the first health check: an engine that was never seen to fail needs no trial. */
  private untried = true;
  private trial: CircuitCall | undefined;
  private inARow = 0;
  /** A call failed since the last health check. */
  private suspected = false;
  private outcomes: { readonly atMs: number; readonly failed: boolean }[] = [];
  private probeFailures = 0;
  /** Times it was opened since it was closed last. */
  private openings = 0;
  private nextProbeAtMs = 0;

  /** Called after each change of the state, of the {@link room}, and of {@link probeInMs} to an earlier time. */
  onChange: () => void = () => undefined;

  /** `random` answers numbers in [0, 1). */
  constructor(
    private readonly now: () => number = Date.now,
    private readonly random: () => number = Math.random,
  ) {}

  get state(): CircuitState {
    return this.current;
  }

  /** How many requests the worker may hold at once, when `running` are under way. */
  room(concurrency: number, running: number): number {
    if (this.current === "closed") return concurrency;
    return this.current === "half-open" && this.trial === undefined ? Math.min(concurrency, running + 1) : 0;
  }

  /** Milliseconds until the next health check is due. */
  get probeInMs(): number {
    if (this.current === "open") return Math.max(0, this.nextProbeAtMs - this.now());
    return this.suspected ? suspiciousProbeMs : healthyProbeMs;
  }

  /** A health check ended. */
  probed(healthy: boolean): void {
    const suspected = this.suspected || this.current !== "closed";
    this.suspected = false;
    if (!healthy) {
      this.probeFailures += 1;
      if (suspected || this.probeFailures >= failedProbes) this.open(maxProbePauseMs);
      return;
    }
    this.probeFailures = 0;
    if (this.current === "open" && this.now() >= this.nextProbeAtMs) {
      if (this.untried) this.close();
      else this.become("half-open");
    }
    this.untried = false;
  }

  /** A request is taken; undefined: it may not be given to the engine now. {@link CircuitCall.ended} has to follow. */
  begin(): CircuitCall | undefined {
    if (this.current === "open" || this.trial !== undefined) return undefined;
    let answered = false;
    let over = false;
    const call: CircuitCall = {
      answered: () => {
        answered = true;
        this.inARow = 0;
        if (this.trial === call) this.close();
      },
      ended: (error) => {
        if (over) return;
        over = true;
        // A call that was stopped before its first token tells nothing.
        if (answered || error !== undefined) this.note(isFailure(error));
        this.settle(call, error);
      },
    };
    if (this.current === "half-open") {
      this.trial = call;
      this.onChange();
    }
    return call;
  }

  private settle(call: CircuitCall, error: EngineError | undefined): void {
    const failed = isFailure(error);
    if (this.trial === call) {
      this.trial = undefined;
      if (failed) return this.open(maxTrialPauseMs, error?.retryAfterS);
      // A refusal is an answer too; a call that was stopped on purpose leaves the trial to the next.
      if (error !== undefined) this.close();
      else this.onChange();
      return;
    }
    if (!failed || this.current !== "closed") return;
    this.inARow += 1;
    if (this.inARow >= failuresInARow || this.failsMostly())
      return this.open(maxTrialPauseMs, error?.retryAfterS);
    this.suspected = true;
    this.onChange();
  }

  private note(failed: boolean): void {
    this.outcomes.push({ atMs: this.now(), failed });
    if (this.outcomes.length > keptOutcomes) this.outcomes.shift();
  }

  private failsMostly(): boolean {
    const nowMs = this.now();
    const recent = this.outcomes.filter(({ atMs }) => nowMs - atMs < windowMs);
    const failed = recent.filter((outcome) => outcome.failed).length;
    return recent.length >= fewestOutcomes && failed * 2 >= recent.length;
  }

  private open(maxPauseMs: number, askedPauseS = 0): void {
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(this.openings, 16));
    // Between half of the pause and all of it, so that workers of one engine do not come back together.
    const jitteredMs = pauseMs * (0.5 + this.random() / 2);
    const waitMs = Math.max(jitteredMs, Math.min(maxAskedPauseMs, askedPauseS * 1_000));
    // A check that came early does not shorten what the engine asked for.
    this.nextProbeAtMs = Math.max(this.nextProbeAtMs, this.now() + waitMs);
    this.openings += 1;
    this.trial = undefined;
    this.become("open");
  }

  private close(): void {
    this.openings = 0;
    this.inARow = 0;
    this.outcomes = [];
    this.trial = undefined;
    this.become("closed");
  }

  private become(state: CircuitState): void {
    this.current = state;
    this.onChange();
  }
}

/** A request that the engine refuses is no fault of the engine. */
function isFailure(error: EngineError | undefined): boolean {
  return error !== undefined && error.code !== "engine_rejected";
}
