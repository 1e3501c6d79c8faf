import { fork, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { childEnvironment, type Environment } from "@expert-router/config";
import { CrashCount } from "./crash-count.js";
import type { LogFile } from "./log-file.js";

const program = fileURLToPath(new URL("../../bin/expert-router.mjs", import.meta.url));

/** Exit code of a child whose options or configuration are wrong: starting it again changes nothing. */
const misconfigured = 2;

export interface ChildPlan {
  readonly name: string;
  /** Arguments of `expert-router`. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly log: LogFile;
  /** Hears of crashes and restarts. */
  readonly say: (line: string) => void;
  /** Called once, when the child is given up. */
  readonly onGivenUp: (name: string, log: LogFile) => void;
}

/** One `expert-router` process that is started again when it crashes. */
export class SupervisedChild {
  /** Resolves when the child first said that it is ready. */
  readonly ready: Promise<void>;
  readonly name: string;
  readonly #plan: ChildPlan;
  readonly #crashes = new CrashCount();
  #markReady: () => void = () => undefined;
  #process: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(plan: ChildPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
  }

  start(): void {
    const { args, env, log } = this.#plan;
    const output = log.open();
    // A process group of its own: Ctrl-C reaches only the supervisor, which ends its children in order. The IPC
    // channel tells the child when the supervisor is gone.
    const child = fork(program, args, {
      env: childEnvironment(env),
      stdio: ["ignore", output, output, "ipc"],
      detached: true,
    });
    closeSync(output);
    child.on("message", (message) => {
      if ((message as { type?: unknown } | null)?.type === "ready") this.#markReady();
    });
    this.#process = child;
    child.on("error", (error) => this.#plan.say(`${this.name}: ${error.message}`));
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve();
        if (!this.#stopping) this.#afterCrash(code, signal);
      });
    });
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

  #afterCrash(code: number | null, signal: NodeJS.Signals | null): void {
    const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    const delayMs = code === misconfigured ? undefined : this.#crashes.next(performance.now());
    if (delayMs === undefined) {
      this.#plan.say(`${this.name} ${how} and is given up`);
      this.#plan.onGivenUp(this.name, this.#plan.log);
      return;
    }
    this.#plan.say(`${this.name} ${how}; it starts again in ${delayMs} ms (log: ${this.#plan.log.path})`);
    this.#restart = setTimeout(() => this.start(), delayMs);
  }
}
