import { fork, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { childEnvironment, type Environment } from "@expert-router/config";
import { CrashCount } from "./crash-count.js";
import type { LogFile } from "./log-file.js";

const program = fileURLToPath(new URL("../../bin/expert-router.mjs", import.meta.url));

/** Time for a child that is told to end before it starts anew. */
const restartGraceMs = 3_000;

/** Exit code of a child whose options or configuration are wrong: starting it again changes nothing. */
const misconfigured = 2;

export interface ChildPlan {
  readonly name: string;
  /** Arguments of `expert-router` and its environment; asked for at every start. */
  readonly command: () => { readonly args: readonly string[]; readonly env: Environment };
  /** Another program, for tests. */
  readonly program?: string;
  readonly log: LogFile;
  /** Hears of crashes and restarts. */
  readonly say: (line: string) => void;
  /** Hears, after every start, that the child is ready and where it listens. */
  readonly onReady?: (url: string | undefined) => void;
  /** Called when the child is given up. */
  readonly onGivenUp: (name: string, log: LogFile) => void;
  /** A child that is given up is started again all the same, each time after so long; undefined: never. */
  readonly retryAfterMs?: number | undefined;
}

/** One `expert-router` process that is started again when it crashes. */
export class SupervisedChild {
  /** Resolves when the child first said that it is ready (true), or was given up before (false). */
  readonly settled: Promise<boolean>;
  readonly name: string;
  readonly #plan: ChildPlan;
  readonly #crashes = new CrashCount();
  #settle: (isReady: boolean) => void = () => undefined;
  #process: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  #isGivenUp = false;
  #isRestarting = false;

  constructor(plan: ChildPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  start(): void {
    const { log } = this.#plan;
    const { args, env } = this.#plan.command();
    const output = log.open();
    // A process group of its own: Ctrl-C reaches only the supervisor, which ends its children in order. The IPC
    // channel tells the child when the supervisor is gone.
    const child = fork(this.#plan.program ?? program, args, {
      env: childEnvironment(env),
      stdio: ["ignore", output, output, "ipc"],
      detached: true,
    });
    closeSync(output);
    child.on("message", (message) => {
      const { type, url } = (message ?? {}) as { type?: unknown; url?: unknown };
      if (type === "ready") this.#afterReady(typeof url === "string" ? url : undefined);
    });
    this.#process = child;
    this.#isRestarting = false;
    child.on("error", (error) => this.#plan.say(`${this.name}: ${error.message}`));
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve();
        this.#process = undefined;
        if (this.#stopping) return;
        if (this.#isRestarting) this.start();
        else this.#afterCrash(code, signal);
      });
    });
  }

  /** Ends the child in order and starts it with what its command is now. One that does not run gets it at its next start. */
  restart(): void {
    const running = this.#process;
    if (running === undefined || this.#stopping) return;
    this.#isRestarting = true;
    running.kill("SIGTERM");
    const timer = setTimeout(() => running.kill("SIGKILL"), restartGraceMs);
    running.once("exit", () => clearTimeout(timer));
  }

  /** SIGTERM, and SIGKILL if it takes more than `graceMs`; resolves when the process is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const timer = setTimeout(() => this.kill(), graceMs);
    this.#process?.kill("SIGTERM");
    await this.#exited;
    clearTimeout(timer);
  }

  /** At once and for good. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#process?.kill("SIGKILL");
  }

  #afterReady(url: string | undefined): void {
    if (this.#isGivenUp) this.#plan.say(`${this.name} runs again`);
    this.#isGivenUp = false;
    this.#plan.onReady?.(url);
    this.#settle(true);
  }

  #afterCrash(code: number | null, signal: NodeJS.Signals | null): void {
    const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    const isHopeless = this.#isGivenUp || code === misconfigured;
    const delayMs = isHopeless ? undefined : this.#crashes.next(performance.now());
    if (delayMs === undefined) return this.#giveUp(how);
    this.#plan.say(`${this.name} ${how}; it starts again in ${delayMs} ms (log: ${this.#plan.log.path})`);
    this.#restart = setTimeout(() => this.start(), delayMs);
  }

  #giveUp(how: string): void {
    const { retryAfterMs, say, onGivenUp, log } = this.#plan;
    const next = retryAfterMs === undefined ? "" : `; it is tried again every ${retryAfterMs / 1_000} s`;
    say(`${this.name} ${how} and is given up${next}`);
    // Said in full once, and not again with every attempt.
    if (!this.#isGivenUp) onGivenUp(this.name, log);
    this.#isGivenUp = true;
    this.#settle(false);
    if (retryAfterMs !== undefined) this.#restart = setTimeout(() => this.start(), retryAfterMs);
  }
}
