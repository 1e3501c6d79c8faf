import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandSettings, Environment } from "@expert-router/config";
import { LogFile } from "./log-file.js";
import { planSimulatedEngines, type SimulatedEngine } from "./simulated-engines.js";
import { SupervisedChild, type ChildPlan } from "./supervised-child.js";
import { SupervisedRedis } from "./supervised-redis.js";

export interface LocalSystemOptions {
  readonly settings: CommandSettings;
  /** Hears of steps and problems: who, and what. */
  readonly say: (who: string, line: string) => void;
  /** Called when Redis or the ingress is given up; the system is useless then. */
  readonly onGivenUp: (reason: string) => void;
}

/** Drain times of the parts. With Redis and what a SIGKILL takes they end within 10 s. */
const ingressDrainMs = 5_000;
const workerDrainMs = 2_500;
const simDrainMs = 300;
const redisStopMs = 700;
/** A process that is told to drain in n ms may take this much longer before it is killed. */
const afterDrainMs = 400;

const rotationIntervalMs = 30_000;
/** A worker or an engine that is given up costs one expert, not the system, and may be mended meanwhile. */
const retryAfterMs = 30_000;

/** Redis, simulated engines, one worker for each expert, and an ingress: the whole system as children of this process. */
export class LocalSystem {
  readonly #options: LocalSystemOptions;
  readonly #logs: LogFile[] = [];
  readonly #rotation: NodeJS.Timeout;
  #redis: SupervisedRedis | undefined;
  #sims: SupervisedChild[] = [];
  readonly #workers = new Map<string, SupervisedChild>();
  /** Where the simulated engine of an expert listens. */
  readonly #engineUrls = new Map<string, string>();
  #ingress: SupervisedChild | undefined;
  #stopping = false;

  constructor(options: LocalSystemOptions) {
    this.#options = options;
    this.#rotation = setInterval(() => this.#logs.forEach((log) => log.rotate()), rotationIntervalMs);
  }

  /** Starts everything, side by side as far as possible. Resolves when all parts are ready, or an expert's are given up. */
  async start(): Promise<void> {
    const { settings, say } = this.#options;
    this.#startEngines();
    const redisUrl = await this.#provideRedis();
    if (this.#stopping) return;
    const shared = { REDIS_URL: redisUrl, EXPERT_ROUTER_CONFIG: settings.system.path };
    this.#startIngress(shared);
    // A worker has to know where its engine listens.
    await this.#enginesSettled();
    if (this.#stopping) return;
    this.#startWorkers(shared);
    const ready = await Promise.all([...this.#workers.values()].map((worker) => worker.settled));
    const readyCount = ready.filter(Boolean).length;
    const share = readyCount === ready.length ? "" : ` of ${ready.length}`;
    say("workers", `${readyCount}${share} ready, one for each expert`);
    await this.#ingress?.settled;
  }

  /** Ends the parts in the order in which work flows through them, within 10 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#rotation);
    await this.#ingress?.stop(ingressDrainMs + afterDrainMs);
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop(workerDrainMs + afterDrainMs)));
    await Promise.all(this.#sims.map((sim) => sim.stop(simDrainMs)));
    await this.#redis?.stop(redisStopMs);
  }

  /** Ends everything at once; only Redis gets to write what it has. */
  async kill(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#rotation);
    for (const child of [this.#ingress, ...this.#workers.values(), ...this.#sims]) child?.kill();
    await this.#redis?.stop(redisStopMs);
  }

  #startEngines(): void {
    const engines = planSimulatedEngines(this.#options.settings.system.experts);
    this.#sims = engines.map((engine) =>
      this.#child(`engine-${engine.expert}`, {
        command: () => ({ args: engine.argsFor(this.#portOf(engine)), env: {} }),
        onReady: (url) => this.#noteEngine(engine.expert, url),
        retryAfterMs,
      }),
    );
    for (const sim of this.#sims) sim.start();
  }

  /** An engine that starts again prefers the port at which its worker looks for it. */
  #portOf({ expert, preferredPort }: SimulatedEngine): number {
    const url = this.#engineUrls.get(expert);
    return url === undefined ? preferredPort : Number(new URL(url).port);
  }

  #noteEngine(expert: string, url: string | undefined): void {
    if (url === undefined || url === this.#engineUrls.get(expert)) return;
    this.#engineUrls.set(expert, url);
    const worker = this.#workers.get(expert);
    if (worker === undefined) return;
    this.#options.say("engines", `the one of ${expert} moved to ${url}; its worker starts anew`);
    worker.restart();
  }

  async #enginesSettled(): Promise<void> {
    if (this.#sims.length === 0) return;
    await Promise.all(this.#sims.map((sim) => sim.settled));
    const ports = [...this.#engineUrls.values()].map((url) => new URL(url).port).join(", ");
    this.#options.say(
      "engines",
      `${this.#engineUrls.size} simulated ones, no language model, on ports ${ports}`,
    );
  }

  async #provideRedis(): Promise<string> {
    const { settings, say, onGivenUp } = this.#options;
    if (settings.redisUrl !== undefined) {
      say("redis", "the one that REDIS_URL names");
      return settings.redisUrl;
    }
    const folder = join(settings.dataDir, "redis");
    this.#redis = await SupervisedRedis.start({ folder, say: (line) => say("redis", line), onGivenUp });
    if (this.#stopping) await this.#redis.stop(redisStopMs);
    say("redis", this.#redis.description);
    return this.#redis.url;
  }

  #startIngress(shared: Environment): void {
    const { settings } = this.#options;
    const env = {
      ...shared,
      HOST: settings.host,
      PORT: String(settings.port),
      EXPERT_ROUTER_DATA_DIR: settings.dataDir,
      DRAIN_TIMEOUT_MS: String(ingressDrainMs),
    };
    this.#ingress = this.#child("ingress", { command: () => ({ args: ["ingress"], env }) });
    this.#ingress.start();
  }

  #startWorkers(shared: Environment): void {
    for (const { id } of this.#options.settings.system.experts) {
      const env = {
        ...shared,
        EXPERT: id,
        // One port cannot serve several workers.
        WORKER_PORT: "0",
        DRAIN_TIMEOUT_MS: String(workerDrainMs),
      };
      const command = () => ({ args: ["worker"], env: { ...env, ENGINE_URL: this.#engineUrls.get(id) } });
      this.#workers.set(id, this.#child(`worker-${id}`, { command, retryAfterMs }));
    }
    for (const worker of this.#workers.values()) worker.start();
  }

  #child(name: string, plan: Pick<ChildPlan, "command" | "onReady" | "retryAfterMs">): SupervisedChild {
    const log = new LogFile(join(this.#options.settings.dataDir, "logs", `${name}.log`));
    this.#logs.push(log);
    return new SupervisedChild({
      ...plan,
      name,
      log,
      say: (line) => this.#options.say("up", line),
      onGivenUp: () => {
        const reason = `${name} cannot run. The end of ${log.path}:\n${log.tail(12)}`;
        if (plan.retryAfterMs === undefined) this.#options.onGivenUp(reason);
        else this.#options.say("up", `${reason}\nThe other experts go on.`);
      },
    });
  }
}

/** Resolves when `GET url` answers 200. Rejects when `signal` aborts. */
export async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(2_000)]);
    const answer = await fetch(url, { signal: timeout }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await sleep(100, undefined, { signal });
  }
}
