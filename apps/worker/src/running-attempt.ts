/** Why a running attempt is stopped before its end. */
export type StopCause =
  | "closed"
  | "write-failed"
  | "lock-lost"
  | "hand-back"
  | "deadline"
  | "out-of-time"
  | "unheard";

/** Thrown into an engine call that is stopped on purpose. */
export class AttemptStopped extends Error {
  override readonly name = "AttemptStopped";

  constructor(readonly stopCause: StopCause) {
    super(`the attempt was stopped: ${stopCause}`);
  }
}

/** One way to stop an attempt, whoever asks: the log, the queue, the clock, or the shutdown. The first one counts. */
export class StopSwitch {
  private readonly aborter = new AbortController();
  private readonly timers: NodeJS.Timeout[] = [];

  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  stop(cause: StopCause): void {
    if (!this.signal.aborted) this.aborter.abort(new AttemptStopped(cause));
  }

  /** Stops when `signal` is aborted, or now if it is; `cause` is asked then. */
  onAbort(signal: AbortSignal, cause: () => StopCause): void {
    if (signal.aborted) this.stop(cause());
    else signal.addEventListener("abort", () => this.stop(cause()), { once: true });
  }

  /** Stops at `deadlineAtMs` (Unix time), if there is one. */
  at(deadlineAtMs: number | undefined): void {
    if (deadlineAtMs !== undefined) this.after(deadlineAtMs - Date.now(), "deadline");
  }

  /** Stops `leftMs` from now. */
  after(leftMs: number, cause: StopCause): void {
    // A timer holds 31 bits of ms; what is further away than that needs none.
    if (leftMs < 2 ** 31) this.timers.push(setTimeout(() => this.stop(cause), Math.max(0, leftMs)));
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}
