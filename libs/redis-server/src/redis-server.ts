import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, openSync, closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "./free-port.js";
import { askRedis } from "./redis-probe.js";

export interface RedisServerOptions {
  /** Program to run, from `provideRedisBinary`. */
  readonly binary: string;
  /** Folder for the append-only file and the log; made if missing. */
  readonly folder: string;
  /** Any free port if left out. */
  readonly port?: number;
  /** Writes survive the process: an append-only file, written every second. */
  readonly durable: boolean;
  /** In a process group of its own, so that a Ctrl-C in the terminal leaves it to its parent to stop it. */
  readonly detached?: boolean;
  /** More arguments, as `["--cluster-enabled", "yes"]`. */
  readonly args?: readonly string[];
  /** It is a Sentinel, with this file, which it changes; for tests. */
  readonly sentinelConfig?: string;
}

/** A running Redis. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process is gone, whoever ended it. */
  readonly exited: Promise<void>;
  /** SIGTERM, which writes what is left; SIGKILL if that takes more than `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** Sends a signal, for tests of faults. */
  kill(signal: NodeJS.Signals): void;
}

/** Loading a large append-only file takes its time. */
const startTimeoutMs = 60_000;
/** A port found free can be taken before Redis listens on it. */
const maxPortTries = 5;

/** Starts a Redis on 127.0.0.1 that accepts commands when this resolves. */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  mkdirSync(options.folder, { recursive: true });
  for (let tries = 1; ; tries++) {
    const server = launch(options, options.port ?? (await findFreePort()));
    if (await acceptsCommands(server)) return server;
    await server.stop(0);
    const log = lastLines(join(options.folder, "redis.log"));
    const portTaken = options.port === undefined && log.includes("Address already in use");
    if (!portTaken || tries === maxPortTries) throw new Error(`${options.binary} did not start:\n${log}`);
  }
}

function launch(options: RedisServerOptions, port: number): RedisServer {
  const log = openSync(join(options.folder, "redis.log"), "w");
  const child = spawn(options.binary, [...serverArgs(options, port)], {
    stdio: ["ignore", log, log],
    detached: options.detached ?? false,
  });
  closeSync(log);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    exited,
    stop: (graceMs = 5_000) => stopChild(child, exited, graceMs),
    kill: (signal) => void child.kill(signal),
  };
}

function serverArgs(
  { folder, durable, args = [], sentinelConfig }: RedisServerOptions,
  port: number,
): string[] {
  if (sentinelConfig !== undefined)
    return [sentinelConfig, "--sentinel", "--port", String(port), "--bind", "127.0.0.1"];
  return [
    ...["--port", String(port), "--bind", "127.0.0.1", "--protected-mode", "yes"],
    ...["--dir", folder, "--daemonize", "no", "--save", ""],
    ...["--appendonly", durable ? "yes" : "no", "--appendfsync", "everysec"],
    // BullMQ's keys must never be evicted; a full Redis has to refuse writes instead.
    ...["--maxmemory-policy", "noeviction"],
    ...args,
  ];
}

async function acceptsCommands(server: RedisServer): Promise<boolean> {
  let gone = false;
  void server.exited.then(() => (gone = true));
  const deadline = Date.now() + startTimeoutMs;
  while (!gone && Date.now() < deadline) {
    if ((await askRedis(server.port, "PING"))?.startsWith("+PONG") === true) return !gone;
    await Promise.race([sleep(20), server.exited]);
  }
  return false;
}

async function stopChild(child: ChildProcess, exited: Promise<void>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  // A stopped process (SIGSTOP) acts on SIGTERM only once it goes on.
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await exited;
  clearTimeout(timer);
}

function lastLines(path: string): string {
  return readFileSync(path, "utf8").trimEnd().split("\n").slice(-5).join("\n");
}
