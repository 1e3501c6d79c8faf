import { setTimeout as sleep } from "node:timers/promises";
import { askRedis } from "@expert-router/redis-server";
import { FaultProxy, waitFor } from "@expert-router/testing";
import type { Child } from "../support/child.js";
import { TestSystem } from "../support/system.js";

/** A process that can be killed, frozen and started again, and the proxies that it speaks through. */
export interface Part {
  readonly name: string;
  process: Child;
  /** Between it and Redis, or between it and its engine. */
  readonly redis: FaultProxy | undefined;
  readonly engine: FaultProxy | undefined;
  /** In front of it: refuses connections while it is away, as its own port would. */
  readonly front: FaultProxy | undefined;
  /** Starts it again in the same place; resolves when it serves. */
  start(): Promise<Child>;
}

/** What runs, and how fast. */
export interface FaultedSystemOptions {
  readonly fsync: "always" | "everysec" | "no";
  readonly experts?: Record<string, string[]>;
  readonly ingresses?: number;
  readonly workersPerExpert?: number;
  readonly interTokenLatencyMs?: number;
  readonly engine?: Record<string, unknown>;
}

const redisStartMs = 20_000;
const healthyMs = 60_000;

/** Several ingresses, and for each expert several workers with an engine each; a fault proxy on every connection. */
export class FaultedSystem {
  readonly ingresses: (Part & { readonly url: string })[] = [];
  readonly workers: (Part & { readonly expert: string })[] = [];
  readonly engines: Part[] = [];
  private readonly proxies: FaultProxy[] = [];

  private constructor(
    readonly system: TestSystem,
    private readonly options: FaultedSystemOptions,
  ) {}

  static async start(options: FaultedSystemOptions): Promise<FaultedSystem> {
    const { ingresses = 2, workersPerExpert = 2, interTokenLatencyMs = 10 } = options;
    const system = await TestSystem.start({
      ...(options.experts !== undefined && { experts: options.experts }),
      ingresses: 0,
      workersPerExpert: 0,
      interTokenLatencyMs,
      timeToFirstTokenMs: 20,
      fsync: options.fsync,
      // Short, so that a frozen worker or Redis outlasts the locks.
      config: { limits: { job_lock_s: 2 } },
      engine: { first_token_timeout_ms: 1_500, inter_token_timeout_ms: 1_500, ...options.engine },
    });
    const faulted = new FaultedSystem(system, options);
    try {
      for (const expert of faulted.experts) {
        for (let i = 0; i < workersPerExpert; i++) await faulted.addWorker(expert, i);
      }
      for (let i = 0; i < ingresses; i++) await faulted.addIngress(i);
      await faulted.healthy();
    } catch (error) {
      await faulted.stop();
      throw error;
    }
    return faulted;
  }

  /** In the order of their names: what a seed picks must not depend on which one started first. */
  get experts(): string[] {
    return [...this.system.engines.keys()].sort();
  }

  get redis(): TestSystem["redis"] {
    return this.system.redis;
  }

  /** Address of ingress `index`; counts on from the first behind the last. */
  url(index: number): string {
    return this.ingresses[index % this.ingresses.length]?.url as string;
  }

  /** kill -9, a pause, and a start with what the append-only file has. Answers when it accepted commands again (ms). */
  async restartRedis(pauseMs: number): Promise<number> {
    this.redis.kill("SIGKILL");
    await sleep(pauseMs);
    await this.redis.restart();
    return performance.now();
  }

  /** kill -9; what stands in front of it refuses from now on. */
  static kill(part: Part): void {
    part.process.kill("SIGKILL");
    part.front?.set("refuse");
  }

  /** Starts a killed part again. */
  static async revive(part: Part): Promise<void> {
    await part.process.exited();
    part.process = await part.start();
    part.front?.heal();
  }

  /** Resolves when every process serves and every worker sees a healthy engine. */
  async healthy(): Promise<void> {
    const { workersPerExpert = 2 } = this.options;
    for (const proxy of this.proxies) proxy.heal();
    await this.system.whenWorkersAre(workersPerExpert);
    for (const { url, name } of this.ingresses) {
      await waitFor(`${name} is ready`, async () => (await fetch(`${url}/readyz`)).status === 200, {
        timeoutMs: healthyMs,
        intervalMs: 50,
      });
    }
  }

  /** The process of the worker whose id a request's record names, as the last heartbeat told. */
  workerWithPid(pid: number): (Part & { readonly expert: string }) | undefined {
    return this.workers.find(({ process }) => process.pid === pid);
  }

  async stop(): Promise<void> {
    await this.system.stop();
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }

  private async addWorker(expert: string, index: number): Promise<void> {
    const first = this.system.engine(expert);
    const engine = index === 0 ? first : await this.system.startSimulator(expert);
    const port = Number(new URL(engine.url).port);
    const toEngine = await this.proxy(port);
    const toRedis = await this.proxy(this.redis.port);
    this.engines.push({
      name: `engine ${expert}-${index}`,
      process: engine.process,
      redis: undefined,
      engine: undefined,
      front: toEngine,
      start: async () => (await this.system.startSimulator(expert, { port })).process,
    });
    const start = (): Child =>
      this.system.startWorker(expert, {
        ENGINE_URL: `http://127.0.0.1:${toEngine.port}`,
        REDIS_URL: `redis://127.0.0.1:${toRedis.port}`,
      });
    this.workers.push({
      name: `worker ${expert}-${index}`,
      expert,
      process: start(),
      redis: toRedis,
      engine: toEngine,
      front: undefined,
      start: async () => start(),
    });
  }

  private async addIngress(index: number): Promise<void> {
    const toRedis = await this.proxy(this.redis.port);
    const env = { REDIS_URL: `redis://127.0.0.1:${toRedis.port}` };
    const url = await this.system.startIngress(env);
    const start = async (): Promise<Child> => {
      // One that starts while Redis is away gives up in the end, as an operator's supervisor would see.
      await waitFor("Redis accepts connections", () => this.redisAnswers(), { timeoutMs: redisStartMs });
      await this.system.startIngress({ ...env, PORT: new URL(url).port });
      return this.system.ingresses.at(-1)?.process as Child;
    };
    const { process } = this.system.ingresses.at(-1) as { process: Child };
    this.ingresses.push({
      name: `ingress ${index}`,
      url,
      process,
      redis: toRedis,
      engine: undefined,
      front: undefined,
      start,
    });
  }

  private async redisAnswers(): Promise<boolean> {
    return (await askRedis(this.redis.port, "PING"))?.startsWith("+PONG") === true;
  }

  private async proxy(targetPort: number): Promise<FaultProxy> {
    const proxy = await FaultProxy.start(targetPort);
    this.proxies.push(proxy);
    return proxy;
  }
}
