/** Why a running attempt is stopped before its end. */
export type StopCause = "closed" | "write-failed" | "lock-lost" | "hand-back" | "deadline" | "unheard";

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
  private timer: NodeJS.Timeout | undefined;

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
    if (deadlineAtMs === undefined) return;
    // A timer holds 31 bits of ms; what is further away than that needs none.
    const leftMs = deadlineAtMs - Date.now();
    if (leftMs < 2 ** 31) this.timer = setTimeout(() => this.stop("deadline"), Math.max(0, leftMs));
  }

  dispose(): void {
    clearTimeout(this.timer);
  }
}
