import { setTimeout as sleep } from "node:timers/promises";
import { childEnvironment, readCommandSettings, type CommandSettings } from "@expert-router/config";
import { isPortFree } from "@expert-router/redis-server";
import { Command } from "commander";
import { CommandFailure } from "../command-failure.js";
import { claimDataFolder } from "../up/claim-data-folder.js";
import { curlExample } from "../up/curl-example.js";
import { LocalSystem, untilReady } from "../up/local-system.js";

/** npm and the terminal may both deliver the same Ctrl-C. */
const sameKeyPressMs = 1_000;
/** An ingress whose supervisor was killed drains for this long before its port is free. */
const portPatienceMs = 10_000;

/** `expert-router up` */
export function upCommand(): Command {
  return new Command("up")
    .description(
      "run the whole system on this machine: Redis, simulated engines, workers, ingress; ends with Ctrl-C",
    )
    .option("--port <number>", "port of the ingress (PORT, 3000)")
    .option("--host <address>", "address of the ingress (HOST, 127.0.0.1)")
    .option("--config <file>", "the system to run (EXPERT_ROUTER_CONFIG, ./expert-router.yaml)")
    .addHelpText(
      "after",
      `
Engines of kind 'sim' are started too; all others have to run already.
Redis: REDIS_URL, or else a redis-server that is started here, its data in .expert-router/redis.

Examples:
  $ expert-router up
  $ expert-router up --port 8080
  $ REDIS_URL=redis://10.0.0.5:6379 expert-router up --config my-experts.yaml`,
    )
    .action(async (options: { port?: string; host?: string; config?: string }) => {
      const overrides = { PORT: options.port, HOST: options.host, EXPERT_ROUTER_CONFIG: options.config };
      const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
      const settings = readCommandSettings(childEnvironment(given));
      // Before anything starts: two Redis on one folder would spoil it.
      const lock = claimDataFolder(settings.dataDir);
      await up(settings).finally(() => lock.release());
    });
}

function say(who: string, line: string): void {
  process.stdout.write(`${who.padEnd(8)} ${line}\n`);
}

async function up(settings: CommandSettings): Promise<void> {
  const startedAt = performance.now();
  await claimPort(settings);
  const ending = new AbortController();
  const system = new LocalSystem({
    settings,
    say,
    onGivenUp: (reason) => ending.abort(new CommandFailure(reason)),
  });
  handleSignals(ending, system);
  const url = `http://${reachable(settings.host)}:${settings.port}`;
  try {
    await orAborted(ending.signal, system.start());
    await untilReady(`${url}/readyz`, ending.signal);
    say("ingress", url);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const example = curlExample(url, settings.apiKeys.length > 0);
    say("up", `ready after ${seconds} s; Ctrl-C ends it. Try:\n\n  ${example}\n`);
    await orAborted(ending.signal, new Promise(() => undefined));
  } catch (error) {
    await system.stop();
    // An open channel to a parent would keep this process alive.
    if (process.connected) process.disconnect();
    if (error !== endedByUser) throw error;
    say("up", "everything has ended");
  }
}

/** The reason of an ending that is no failure. */
const endedByUser = Symbol("ended by the user");

function handleSignals(ending: AbortController, system: LocalSystem): void {
  let firstAt: number | undefined;
  const end = (signal: NodeJS.Signals | "disconnect"): void => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      say("up", `${signal}: ending in order, at most 10 s; Ctrl-C again ends at once`);
      ending.abort(endedByUser);
    } else if (signal === "SIGINT" && performance.now() - firstAt > sameKeyPressMs) {
      void system.kill().finally(() => process.exit(130));
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  process.on("disconnect", () => end("disconnect"));
  // The reader of the output may be gone (`npm start | head`); that alone is no reason to end without order.
  process.stdout.on("error", () => end("SIGHUP"));
}

function orAborted<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject);
  });
}

async function claimPort({ host, port }: CommandSettings): Promise<void> {
  const deadline = performance.now() + portPatienceMs;
  let told = false;
  while (!(await isPortFree(port, host))) {
    const drains = await isDraining(host, port);
    if (!drains || performance.now() > deadline) {
      const message = `port ${port} on ${host} is taken; PORT or --port names another one for the ingress`;
      throw new CommandFailure(message);
    }
    if (!told) say("up", `port ${port} belongs to an ingress that is ending; waiting for it`);
    told = true;
    await sleep(200);
  }
}

/** Whether an ingress of a killed `up` is on its way out there. */
async function isDraining(host: string, port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://${reachable(host)}:${port}/readyz`, {
      signal: AbortSignal.timeout(1_000),
    });
    return ((await answer.json()) as { state?: unknown }).state === "draining";
  } catch {
    return false;
  }
}

/** An address that a client can use for what a server listens on. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
