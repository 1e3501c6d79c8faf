import { runBefore } from "./run-before.js";

/** `starting` → `ready` → `draining` → `stopped`; a process may drain before it was ever ready. */
export type LifecycleState = "starting" | "ready" | "draining" | "stopped";

/** What happened to one step of a drain. */
export interface DrainStepReport {
  readonly name: string;
  readonly durationMs: number;
  /** Undefined: it finished in time and without an error. */
  readonly error?: unknown;
}

export interface LifecycleOptions {
  /** Time that all steps of a drain have together. */
  readonly drainTimeoutMs?: number;
  /** Time that one readiness check may take; longer counts as not ready. */
  readonly checkTimeoutMs?: number;
  /** Hears why a drain begins. */
  readonly onDrainStart?: (reason: string) => void;
  /** Hears of every step that ended. */
  readonly onDrainStep?: (report: DrainStepReport) => void;
}

/** Which check said what. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Record<string, boolean>;
}

type Check = () => Promise<boolean> | boolean;
type Step = (signal: AbortSignal) => Promise<void>;

/** The part of a process that {@link Lifecycle.handleSignals} uses. */
export interface SignalSource {
  readonly connected?: boolean | undefined;
  on(event: string, listener: () => void): unknown;
  exit(code: number): void;
}

/** Once the deadline has passed, every remaining step still gets this long to let go of what it holds. */
const afterDeadlineMs = 100;

/** Whether a process may be given work, and the ordered way out of it. */
export class Lifecycle {
  readonly #checks = new Map<string, Check>();
  readonly #steps: { readonly name: string; readonly run: Step }[] = [];
  readonly #options: LifecycleOptions;
  #state: LifecycleState = "starting";
  #drain: Promise<void> | undefined;

  constructor(options: LifecycleOptions = {}) {
    this.#options = options;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Asked on every readiness request. A check that throws or takes too long says no. */
  addReadinessCheck(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** Ready is a process in state `ready` whose checks all say yes. */
  async readiness(): Promise<Readiness> {
    const timeoutMs = this.#options.checkTimeoutMs ?? 1_000;
    const names = [...this.#checks.keys()];
    const answers = await Promise.all([...this.#checks.values()].map((check) => answerOf(check, timeoutMs)));
    const checks = Object.fromEntries(names.map((name, index) => [name, answers[index] === true]));
    return { ready: this.#state === "ready" && answers.every(Boolean), checks };
  }

  /**
   * Adds a step to the drain. Steps run one after the other in the order of registration, under one deadline; when it
   * passes, `signal` aborts, and the remaining steps run with a signal that is aborted already.
   */
  onDrain(name: string, run: Step): void {
    this.#steps.push({ name, run });
  }

  /** Start-up is over. Without effect once a drain has begun. */
  ready(): void {
    if (this.#state === "starting") this.#state = "ready";
  }

  /** Runs the steps. Never rejects; a second call waits for the drain that is under way. */
  drain(reason: string): Promise<void> {
    this.#drain ??= this.#runSteps(reason);
    return this.#drain;
  }

  /**
   * SIGINT, SIGTERM, SIGHUP and the loss of the parent's IPC channel drain and then exit; a second SIGINT exits at once.
   */
  handleSignals(process: SignalSource): void {
    const drainAndExit = (reason: string): void => {
      void this.drain(reason).then(() => process.exit(0));
    };
    process.on("SIGINT", () => (this.#drain === undefined ? drainAndExit("SIGINT") : process.exit(130)));
    for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => drainAndExit(signal));
    process.on("disconnect", () => drainAndExit("the parent process is gone"));
    // The parent may have died before anybody listened.
    if (process.connected === false) drainAndExit("the parent process is gone");
  }

  async #runSteps(reason: string): Promise<void> {
    this.#state = "draining";
    this.#options.onDrainStart?.(reason);
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new Error("the drain deadline passed")),
      this.#options.drainTimeoutMs ?? 9_000,
    );
    for (const step of this.#steps) {
      const startedAt = performance.now();
      const error = await runBefore(deadline.signal, afterDeadlineMs, step.run);
      this.#options.onDrainStep?.({ name: step.name, durationMs: performance.now() - startedAt, error });
    }
    clearTimeout(timer);
    this.#state = "stopped";
  }
}

async function answerOf(check: Check, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([check(), tooLate]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
