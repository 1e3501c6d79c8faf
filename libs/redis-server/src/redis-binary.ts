import { spawn, spawnSync } from "node:child_process";

/** No Redis server program, and none could be installed. The message names the ways out. */
export class RedisMissingError extends Error {
  override readonly name = "RedisMissingError";
}

const binaries = ["redis-server", "valkey-server"];

/** The Redis server program on the PATH, or undefined. */
export function findRedisBinary(): string | undefined {
  return binaries.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

/**
 * The Redis server program, installed from the system's package manager if there is none. `say` hears of an
 * installation before it begins.
 * @throws RedisMissingError
 */
export async function provideRedisBinary(say: (line: string) => void): Promise<string> {
  const found = findRedisBinary();
  if (found !== undefined) return found;
  const plan = installationPlan();
  if (plan === undefined)
    throw new RedisMissingError(waysOut("no package manager to install it with was found"));
  for (const command of plan) {
    say(`Redis is not installed; running: ${command.join(" ")}`);
    const problem = await run(command);
    if (problem !== undefined) throw new RedisMissingError(waysOut(`'${command.join(" ")}' ${problem}`));
  }
  const installed = findRedisBinary();
  if (installed === undefined)
    throw new RedisMissingError(waysOut("the installation brought no redis-server"));
  return installed;
}

/** Commands to run one after the other; undefined where no known package manager may be used. */
function installationPlan(): string[][] | undefined {
  if (process.platform === "darwin") return isRunnable("brew") ? [["brew", "install", "redis"]] : undefined;
  if (!isRunnable("apt-get")) return undefined;
  const asRoot = process.getuid?.() === 0 ? [] : sudo();
  if (asRoot === undefined) return undefined;
  const aptGet = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  return [
    [...aptGet, "update", "-q"],
    [...aptGet, "install", "-q", "-y", "redis-server"],
  ];
}

/** Without a terminal nobody can type a password, so sudo must not ask for one. */
function sudo(): string[] | undefined {
  if (!isRunnable("sudo")) return undefined;
  return process.stdin.isTTY ? ["sudo"] : ["sudo", "-n"];
}

function isRunnable(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
}

/** Runs a command, its output on standard error; answers what went wrong. */
function run([command = "", ...args]: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["inherit", 2, 2] });
    child.once("error", (error) => resolve(`failed: ${error.message}`));
    child.once("close", (code) => resolve(code === 0 ? undefined : `ended with exit code ${code}`));
  });
}

function waysOut(reason: string): string {
  return [
    `A Redis server is needed, and ${reason}. Three ways out:`,
    "  1. set REDIS_URL to a Redis (7 or later, maxmemory-policy noeviction) that runs already",
    "  2. put redis-server or valkey-server on the PATH",
    "  3. run as root or with sudo where apt-get (or brew on macOS) can install it",
  ].join("\n");
}
