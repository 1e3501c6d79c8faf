import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const keptOutput = 20_000;
const living = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** A process of the system under test; the built code, as a user runs it. */
export class Child {
  private output = "";

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-keptOutput);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    living.add(child);
    child.once("exit", () => living.delete(child));
  }

  /** Runs `node <script> …` in the repository root; `script` is relative to it. */
  static node(
    name: string,
    script: string,
    options: { args?: string[]; env?: Record<string, string> } = {},
  ): Child {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], LOG_LEVEL: "warn", ...options.env };
    const args = [script, ...(options.args ?? [])];
    return new Child(
      name,
      spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] }),
    );
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** The end of what it wrote. */
  get log(): string {
    return this.output;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Sends a signal; SIGSTOP and SIGCONT freeze and thaw it. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with the exit code; null if a signal ended it. */
  async exited(): Promise<number | null> {
    if (!this.hasExited) await once(this.child, "exit");
    return this.child.exitCode;
  }

  /** Ends it for good and waits. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.kill("SIGCONT");
    this.kill(signal);
    await this.exited();
  }
}
