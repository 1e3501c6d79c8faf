import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExpertStatus } from "@expert-router/contracts";
import { findFreePort, startRedis, waitFor, type TestRedis } from "@expert-router/testing";
import { stringify } from "yaml";
import { Child } from "./child.js";

/** Seed of every simulator that a {@link TestSystem} starts. */
export const simulatorSeed = 7;

/** Which experts run, and how their simulators behave. */
export interface TestSystemOptions {
  /** Expert id → the domains it answers; the last one is the fallback. */
  readonly experts?: Record<string, string[]>;
  readonly ingresses?: number;
  readonly workersPerExpert?: number;
  readonly timeToFirstTokenMs?: number;
  readonly interTokenLatencyMs?: number;
  /** Further flags of every simulator. */
  readonly simulatorArgs?: readonly string[];
  /** When Redis's append-only file reaches the disk; every second if left out. */
  readonly fsync?: "always" | "everysec" | "no";
  /** Further keys of every expert's engine in expert-router.yaml. */
  readonly engine?: Record<string, unknown>;
  /** The Redis to use, instead of one that the system starts and stops. */
  readonly redisUrl?: string;
  readonly env?: Record<string, string>;
  /** Further keys of the router in expert-router.yaml, where there are several experts. */
  readonly router?: Record<string, unknown>;
  /** Further keys of expert-router.yaml. */
  readonly config?: Record<string, unknown>;
}

/** A simulator beside an expert. */
export interface TestEngine {
  readonly url: string;
  readonly process: Child;
}

const artifact = fileURLToPath(new URL("../../routers/default", import.meta.url));
/** What a user runs: the bundle, or the compiled code where that is newer. */
const program = "apps/cli/bin/expert-router.mjs";
const twoExperts = { code: ["code", "sql"], general: ["general", "science", "humanities"] };

/** The whole system in real processes: a Redis, simulators, workers, ingresses. */
export class TestSystem {
  readonly ingresses: { url: string; process: Child }[] = [];
  readonly engines = new Map<string, TestEngine>();
  readonly workers: { expert: string; process: Child }[] = [];
  private readonly simulators: TestEngine[] = [];

  private constructor(
    private readonly ownRedis: TestRedis | undefined,
    private readonly folder: string,
    private readonly options: TestSystemOptions,
  ) {}

  static async start(options: TestSystemOptions = {}): Promise<TestSystem> {
    const { fsync = "everysec", redisUrl } = options;
    const redis =
      redisUrl === undefined
        ? await startRedis({ durable: true, args: ["--appendfsync", fsync] })
        : undefined;
    const system = new TestSystem(redis, mkdtempSync(join(tmpdir(), "expert-router-e2e-")), options);
    try {
      await system.startAll();
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  /** The Redis that the system started. */
  get redis(): TestRedis {
    if (this.ownRedis === undefined) throw new Error("the system uses a Redis of somebody else");
    return this.ownRedis;
  }

  /** Address of the first ingress. */
  get url(): string {
    return (this.ingresses[0] as { url: string }).url;
  }

  /** expert-router.yaml, for a command beside the system. */
  get configPath(): string {
    return join(this.folder, "expert-router.yaml");
  }

  /** Folder of files. */
  get dataFolder(): string {
    return join(this.folder, "data");
  }

  engine(expert: string): TestEngine {
    const engine = this.engines.get(expert);
    if (engine === undefined) throw new Error(`no engine of ${expert}`);
    return engine;
  }

  /** One more worker beside the engine of `expert`, unless `env` names another one. */
  startWorker(expert: string, env: Record<string, string> = {}): Child {
    const process = Child.node(`worker of ${expert}`, program, {
      args: ["worker"],
      env: { ...this.env, EXPERT: expert, ENGINE_URL: this.engine(expert).url, ...env },
    });
    this.workers.push({ expert, process });
    return process;
  }

  /** One more ingress. `env` may name the port of one that has ended. */
  async startIngress(env: Record<string, string> = {}): Promise<string> {
    const port = env["PORT"] ?? String(await findFreePort());
    const child = Child.node("ingress", program, {
      args: ["ingress"],
      env: { ...this.env, ...env, PORT: port },
    });
    const url = `http://127.0.0.1:${port}`;
    this.ingresses.push({ url, process: child });
    await this.whenReady(child, `${url}/readyz`);
    return url;
  }

  /** A simulator of `expert`'s model that {@link stop} ends as well; `port` may be that of one that has ended. */
  async startSimulator(
    expert: string,
    options: { port?: number; args?: string[] } = {},
  ): Promise<TestEngine> {
    const port = options.port ?? (await findFreePort());
    const process = Child.node(`simulator of ${expert}`, program, {
      args: [
        "engine-sim",
        `--port=${port}`,
        `--model=simulated-${expert}`,
        `--seed=${simulatorSeed}`,
        `--time-to-first-token=${this.options.timeToFirstTokenMs ?? 5}`,
        `--inter-token-latency=${this.options.interTokenLatencyMs ?? 1}`,
        ...(this.options.simulatorArgs ?? []),
        ...(options.args ?? []),
      ],
    });
    const engine = { url: `http://127.0.0.1:${port}`, process };
    this.simulators.push(engine);
    await this.whenReady(process, `${engine.url}/health`);
    return engine;
  }

  /** The status of every expert, as the first ingress sees it. */
  async experts(): Promise<ExpertStatus[]> {
    const key = this.options.env?.["EXPERT_ROUTER_API_KEYS"]?.split(",")[0];
    const response = await fetch(`${this.url}/v1/experts`, {
      headers: key ? { authorization: `Bearer ${key}` } : {},
    });
    return ((await response.json()) as { data: ExpertStatus[] }).data;
  }

  /** Resolves when every expert has `count` workers with a healthy engine. */
  async whenWorkersAre(count: number): Promise<void> {
    await waitFor(
      `${count} workers an expert`,
      async () =>
        (await this.experts()).every((expert) => expert.workers === count && expert.health === "healthy"),
      { timeoutMs: 60_000, intervalMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.workers.map(({ process }) => process.log).join("\n")}`);
    });
  }

  /** Requests that the simulator of `expert` is generating. */
  runningAt(expert: string): Promise<number> {
    return this.runningAtUrl(this.engine(expert).url);
  }

  /** Requests that the simulator at `url` is generating. */
  async runningAtUrl(url: string): Promise<number> {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const match = /^vllm:num_requests_running(?:\{[^}]*\})? (\d+)/m.exec(metrics);
    if (match === null) throw new Error("the simulator reports no running requests");
    return Number(match[1]);
  }

  async stop(): Promise<void> {
    const children = [...this.ingresses, ...this.workers, ...this.simulators].map(({ process }) => process);
    await Promise.all(children.map((child) => child.end()));
    await this.ownRedis?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get env(): Record<string, string> {
    return {
      REDIS_URL: this.options.redisUrl ?? this.redis.url,
      EXPERT_ROUTER_CONFIG: this.configPath,
      EXPERT_ROUTER_DATA_DIR: join(this.folder, "data"),
      ...this.options.env,
    };
  }

  private async startAll(): Promise<void> {
    const experts = Object.entries(this.options.experts ?? twoExperts);
    await Promise.all(experts.map(async ([id]) => void this.engines.set(id, await this.startSimulator(id))));
    this.writeConfig(experts);
    for (const [id] of experts) {
      for (let i = 0; i < (this.options.workersPerExpert ?? 1); i++) this.startWorker(id);
    }
    await Promise.all(Array.from({ length: this.options.ingresses ?? 1 }, () => this.startIngress()));
    if (this.ingresses.length > 0) await this.whenWorkersAre(this.options.workersPerExpert ?? 1);
  }

  /** Writes a variant of the file, with other keys in place of `config`; its path. */
  writeConfigWith(config: Record<string, unknown>): string {
    const path = join(this.folder, "variant.yaml");
    this.writeConfig(Object.entries(this.options.experts ?? twoExperts), { path, config });
    return path;
  }

  private writeConfig(
    experts: [string, string[]][],
    { path = this.configPath, config = this.options.config } = {},
  ): void {
    const file = {
      ...(experts.length > 1 && { router: { artifact, threshold: 0.45, ...this.options.router } }),
      fallback: experts.at(-1)?.[0],
      experts: experts.map(([id, domains]) => ({
        id,
        domains,
        engine: {
          kind: "sim",
          url: this.engine(id).url,
          model: `simulated-${id}`,
          concurrency: 256,
          ...this.options.engine,
        },
      })),
      ...config,
    };
    writeFileSync(path, stringify(file));
  }

  private async whenReady(child: Child, url: string): Promise<void> {
    await waitFor(
      `${child.name} is ready`,
      async () => {
        if (child.hasExited) return true;
        return (await fetch(url)).status === 200;
      },
      { timeoutMs: 60_000, intervalMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${child.log}`);
    });
    if (child.hasExited) throw new Error(`${child.name} ended:\n${child.log}`);
  }
}
