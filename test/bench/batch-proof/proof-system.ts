import { readFileSync } from "node:fs";
import { TestSystem } from "../../support/system.js";
import type { BatchProof } from "./batch-proof.js";

/** Domains of the default router, spread over experts. */
const domains = [
  ["code", "sql", "math", "reasoning"],
  ["general", "science", "humanities", "multilingual"],
  ["medicine", "law", "finance", "support"],
  ["creative", "summarization"],
];
const profiler = new URL("cpu-profile.mjs", import.meta.url).href;
/** A clock tick of /proc, which Linux fixes at this for programs. */
const tickMs = 10;

/** A system whose processes all can be killed at once, and which counts over their lives. */
export class ProofSystem {
  ingressMaxMb = 0;
  redisMaxMb = 0;
  /** CPU of processes, in ms: when counting began, and as seen last; by process id. */
  private readonly begun = new Map<number, number>();
  private readonly seen = new Map<number, { name: string; ms: number }>();
  private callsBefore = 0;

  private constructor(
    private readonly system: TestSystem,
    private readonly ports: { ingress: string; engines: ReadonlyMap<string, number> },
    private readonly profiled: boolean,
  ) {}

  static async start({ experts, concurrency, tokenMs, profile }: BatchProof): Promise<ProofSystem> {
    const named = Object.fromEntries(
      domains.slice(0, experts).map((labels, i) => [labels[0] ?? `e${i}`, labels]),
    );
    // The generalist comes last.
    const { general = [], ...others } = named;
    const system = await TestSystem.start({
      experts: { ...others, general },
      timeToFirstTokenMs: tokenMs,
      interTokenLatencyMs: tokenMs,
      engine: { concurrency },
      ...(profile !== undefined && {
        env: { NODE_OPTIONS: `--import=${profiler}`, CPU_PROFILE_DIR: profile },
      }),
    });
    const engines = new Map([...system.engines].map(([id, { url }]) => [id, Number(new URL(url).port)]));
    return new ProofSystem(system, { ingress: new URL(system.url).port, engines }, profile !== undefined);
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.ingress}`;
  }

  /** Memory of the ingress now. */
  ingressMb(): number {
    return residentMb(this.system.ingresses.at(-1)!.process.pid);
  }

  /** What the ingress's memory is made of. */
  async memoryLine(): Promise<string> {
    const answer = await fetch(`${this.url}/metrics`).catch(() => undefined);
    const page = (await answer?.text()) ?? "";
    const mb = (name: string): string => {
      const value = new RegExp(`^\\S*${name}\\S* (\\S+)`, "m").exec(page)?.[1];
      return `${name} ${(Number(value ?? 0) / 1_048_576).toFixed(0)}`;
    };
    return ["resident_memory_bytes", "heap_size_total", "heap_size_used", "external_memory"]
      .map(mb)
      .join(", ");
  }

  /** Notes memory and CPU; to be called again and again. */
  measure(): void {
    this.ingressMaxMb = Math.max(this.ingressMaxMb, this.ingressMb());
    this.redisMaxMb = Math.max(this.redisMaxMb, residentMb(this.system.redis.pid));
    for (const [name, pid] of this.processes()) {
      const ms = cpuMs(pid);
      if (ms !== undefined) this.seen.set(pid, { name, ms });
    }
  }

  /** What was used before does not count. */
  startCounting(): void {
    for (const [pid, { ms }] of this.seen) this.begun.set(pid, ms);
  }

  /** CPU used since, by kind of process. */
  cpuMs(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const [pid, { name, ms }] of this.seen)
      sums[name] = (sums[name] ?? 0) + ms - (this.begun.get(pid) ?? 0);
    return sums;
  }

  /** Requests that engines took in, of all their lives. */
  async engineCalls(): Promise<number> {
    let calls = this.callsBefore;
    for (const { url } of this.system.engines.values()) calls += await callsAt(url);
    return calls;
  }

  /** Ends everything as a power cut does; workers a moment earlier, so that the engines' counts are final. */
  async killEverything(): Promise<void> {
    this.measure();
    const { ingresses, workers, engines, redis } = this.system;
    for (const { process } of workers) process.kill("SIGSTOP");
    this.callsBefore = await this.engineCalls();
    const all = [...ingresses, ...workers, ...engines.values()].map(({ process }) => process);
    for (const child of all) child.kill("SIGKILL");
    redis.kill("SIGKILL");
    await Promise.all(all.map((child) => child.exited()));
    this.system.workers.length = 0;
    this.system.ingresses.length = 0;
  }

  /** Starts everything again at the same addresses. */
  async restart(): Promise<void> {
    await this.system.redis.restart();
    await Promise.all(
      [...this.ports.engines].map(async ([id, port]) =>
        this.system.engines.set(id, await this.system.startSimulator(id, { port })),
      ),
    );
    for (const id of this.ports.engines.keys()) this.system.startWorker(id);
    await this.system.startIngress({ PORT: this.ports.ingress });
  }

  async stop(): Promise<void> {
    if (this.profiled) {
      // Killed, they would leave no profile.
      const children = [...this.system.ingresses, ...this.system.workers].map(({ process }) => process);
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map((child) => child.exited()));
    }
    await this.system.stop();
  }

  private processes(): [string, number][] {
    const { ingresses, workers, engines, redis } = this.system;
    return [
      ...ingresses.map(({ process }): [string, number] => ["ingress", process.pid]),
      ...workers.map(({ process }): [string, number] => ["worker", process.pid]),
      ...[...engines.values()].map(({ process }): [string, number] => ["engine", process.pid]),
      ["redis", redis.pid],
    ];
  }
}

async function callsAt(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number => {
    const match = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, "m").exec(text);
    if (match === null) throw new Error(`the simulator reports no ${name}`);
    return Number(match[1]);
  };
  return (
    value("vllm:request_success_total") +
    value("engine_sim:requests_abandoned_total") +
    value("vllm:num_requests_running") +
    value("vllm:num_requests_waiting")
  );
}

function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, "status") ?? "");
  return Number(match?.[1] ?? 0) / 1_024;
}

function cpuMs(pid: number): number | undefined {
  const fields = readProc(pid, "stat")?.split(") ")[1]?.split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
