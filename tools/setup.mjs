/** Brings a fresh clone to the point where everything can run: packages, a build and a bundle. Needs nothing but Node and npm. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));

const leastNode = [20, 19];

/** @param {string} line */
export function say(line) {
  process.stdout.write(`set-up   ${line}\n`);
}

/** Checks Node, installs packages and builds, each only if needed. Ends the process on failure. */
export async function setUp() {
  process.chdir(root);
  checkNode();
  await installPackages();
  await build();
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])) return;
  process.stderr.write(
    `Node ${process.versions.node} is too old: ${leastNode.join(".")} or later is needed (https://nodejs.org).\n`,
  );
  process.exit(1);
}

async function installPackages() {
  const lock = readFileSync("package-lock.json");
  const hash = createHash("sha256").update(lock).digest("hex");
  const stamp = "node_modules/.expert-router-packages";
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  // A package that was just added with `npm install` left everything in place.
  const installed = statSync("node_modules/.package-lock.json", { throwIfNoEntry: false });
  if (installed === undefined || installed.mtimeMs < statSync("package-lock.json").mtimeMs) {
    say("installing packages (npm ci) …");
    await required("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  writeFileSync(stamp, hash);
}

async function build() {
  const startedAt = performance.now();
  if (!existsSync("apps/cli/dist/main.js")) say("building (tsc -b) …");
  await required(process.execPath, ["node_modules/typescript/bin/tsc", "-b"]);
  const seconds = (performance.now() - startedAt) / 1_000;
  say(`built in ${seconds.toFixed(1)} s`);
  const bundleStartedAt = performance.now();
  const isNew = await bundle(root);
  if (isNew) say(`bundled in ${((performance.now() - bundleStartedAt) / 1_000).toFixed(1)} s`);
}

/** Runs a step of the set-up; its failure is the end. */
async function required(command, args) {
  const code = await run(command, args);
  if (code === 0) return;
  process.stderr.write(`set-up   '${[command, ...args].join(" ")}' failed with exit code ${code}\n`);
  process.exit(1);
}

/**
 * Runs a command in the repository's root, its output where ours goes, and answers its exit code. SIGTERM is passed on;
 * SIGINT comes from the terminal and reaches both.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<number>}
 */
export function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
    const passOn = () => child.kill("SIGTERM");
    const wait = () => undefined;
    process.on("SIGTERM", passOn).on("SIGINT", wait);
    const finish = (code) => {
      process.off("SIGTERM", passOn).off("SIGINT", wait);
      resolve(code);
    };
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      finish(127);
    });
    child.once("exit", (code, signal) => {
      if (signal === "SIGINT" || signal === "SIGTERM") process.exit(130);
      finish(code ?? 1);
    });
  });
}
