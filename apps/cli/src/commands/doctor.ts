import {
  ConfigError,
  readClientSettings,
  readCommandSettings,
  type CommandSettings,
} from "@expert-router/config";
import { Command } from "commander";
import { checkNode, checkPort } from "../doctor/check-machine.js";
import { checkRedis } from "../doctor/check-redis.js";
import type { CheckResult } from "../doctor/check-result.js";
import { checkDeployment, checkDrift, readRouterStatus } from "../doctor/check-traffic.js";
import { checkEngine, checkRouter, checkWorkers, readExperts } from "../doctor/check-system.js";

/** `expert-router doctor` */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "examine Node, Redis, configuration, router and its traffic, engines, workers and port; exit code 1 if anything fails",
    )
    .option("--json", "print the results as JSON")
    .addHelpText("after", "\nExample:\n  $ expert-router doctor --json")
    .action(async (options: { json?: true }) => {
      const checks = await examine();
      const ok = checks.every(({ status }) => status !== "fail");
      if (options.json === true) process.stdout.write(`${JSON.stringify({ ok, checks }, undefined, 2)}\n`);
      else
        for (const { name, status, detail } of checks)
          process.stdout.write(`${status.padEnd(5)} ${name}: ${detail}\n`);
      process.exitCode = ok ? 0 : 1;
    });
}

async function examine(): Promise<CheckResult[]> {
  const settings = readOrProblems();
  if (Array.isArray(settings)) return [checkNode(), ...settings];
  const { url, apiKey } = readClientSettings();
  const experts = await readExperts(url, apiKey);
  const runs = experts !== undefined;
  const [redis, router, status, port, engines] = await Promise.all([
    checkRedis(settings.redisUrl, settings.dataDir),
    checkRouter(settings),
    readRouterStatus(url, apiKey),
    checkPort(settings.host, settings.port, runs),
    Promise.all(settings.system.experts.map(({ id, engine }) => checkEngine(id, engine, runs))),
  ]);
  const config: CheckResult = { name: "config", status: "ok", detail: settings.system.path };
  const live = [checkDeployment(status), checkDrift(status)];
  return [checkNode(), config, redis, router, ...live, port, ...engines, ...checkWorkers(experts)];
}

function readOrProblems(): CommandSettings | CheckResult[] {
  try {
    return readCommandSettings();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((detail) => ({ name: "config", status: "fail", detail }));
  }
}
