import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandSettings, Environment } from "@expert-router/config";
import { LogFile } from "./log-file.js";
import { planSimulatedEngines, type SimulatedEngine } from "./simulated-engines.js";
import { SupervisedChild } from "./supervised-child.js";
import { SupervisedRedis } from "./supervised-redis.js";

export interface LocalSystemOptions {
  readonly settings: CommandSettings;
  /** Hears of steps and problems: who, and what. */
  readonly say: (who: string, line: string) => void;
  /** Called when a part of the system is given up; the system is useless then. */
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

/** Redis, simulated engines, one worker for each expert, and an ingress: the whole system as children of this process. */
export class LocalSystem {
  readonly #options: LocalSystemOptions;
  readonly #logs: LogFile[] = [];
  readonly #rotation: NodeJS.Timeout;
  #redis: SupervisedRedis | undefined;
  #sims: SupervisedChild[] = [];
  #workers: SupervisedChild[] = [];
  #ingress: SupervisedChild | undefined;
  #stopping = false;

  constructor(options: LocalSystemOptions) {
    this.#options = options;
    this.#rotation = setInterval(() => this.#logs.forEach((log) => log.rotate()), rotationIntervalMs);
  }

  /** Starts everything, side by side as far as possible. Resolves when all parts said that they are ready. */
  async start(): Promise<void> {
    const { settings, say } = this.#options;
    const [redisUrl, engines] = await Promise.all([this.#provideRedis(), this.#startEngines()]);
    if (this.#stopping) return;
    this.#startFrontAndWorkers(engines, { REDIS_URL: redisUrl, EXPERT_ROUTER_CONFIG: settings.system.path });
    await Promise.all(this.#workers.map((worker) => worker.ready));
    say("workers", `${this.#workers.length} ready, one for each expert`);
    await this.#ingress?.ready;
  }

  /** Ends the parts in the order in which work flows through them, within 10 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#rotation);
    await this.#ingress?.stop(ingressDrainMs + afterDrainMs);
    await Promise.all(this.#workers.map((worker) => worker.stop(workerDrainMs + afterDrainMs)));
    await Promise.all(this.#sims.map((sim) => sim.stop(simDrainMs)));
    await this.#redis?.stop(redisStopMs);
  }

  /** Ends everything at once; only Redis gets to write what it has. */
  async kill(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#rotation);
    for (const child of [this.#ingress, ...this.#workers, ...this.#sims]) child?.kill();
    await this.#redis?.stop(redisStopMs);
  }

  async #startEngines(): Promise<SimulatedEngine[]> {
    const engines = await planSimulatedEngines(this.#options.settings.system.experts);
    if (this.#stopping || engines.length === 0) return engines;
    this.#sims = engines.map(({ expert, args }) => this.#child(`engine-${expert}`, args, {}));
    for (const sim of this.#sims) sim.start();
    const ports = engines.map(({ port }) => port).join(", ");
    this.#options.say("engines", `${engines.length} simulated ones, no language model, on ports ${ports}`);
    return engines;
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

  #startFrontAndWorkers(engines: readonly SimulatedEngine[], shared: Environment): void {
    const { settings } = this.#options;
    this.#ingress = this.#child("ingress", ["ingress"], {
      ...shared,
      HOST: settings.host,
      PORT: String(settings.port),
      EXPERT_ROUTER_DATA_DIR: settings.dataDir,
      DRAIN_TIMEOUT_MS: String(ingressDrainMs),
    });
    this.#ingress.start();
    this.#workers = settings.system.experts.map(({ id }) =>
      this.#child(`worker-${id}`, ["worker"], {
        ...shared,
        EXPERT: id,
        ENGINE_URL: engines.find(({ expert }) => expert === id)?.url,
        // One port cannot serve several workers.
        WORKER_PORT: "0",
        DRAIN_TIMEOUT_MS: String(workerDrainMs),
      }),
    );
    for (const worker of this.#workers) worker.start();
  }

  #child(name: string, args: readonly string[], env: Environment): SupervisedChild {
    const log = new LogFile(join(this.#options.settings.dataDir, "logs", `${name}.log`));
    this.#logs.push(log);
    return new SupervisedChild({
      name,
      args,
      env,
      log,
      say: (line) => this.#options.say("up", line),
      onGivenUp: (givenUp) =>
        this.#options.onGivenUp(`${givenUp} cannot run. The end of ${log.path}:\n${log.tail(12)}`),
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
