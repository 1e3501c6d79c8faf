/** `npm run faults`: proves that nothing is lost and nothing repeated, or prints the seed that shows the opposite. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findRedisBinary } from "@expert-router/redis-server";
import { faultKinds, type FaultKind } from "./fault-kinds.js";
import { measureFsyncLoss } from "./fsync-loss.js";
import { measureRecovery } from "./recovery.js";
import { runRounds } from "./run-rounds.js";
import { measureFailover } from "./sentinel-failover.js";
import { measureSlowReader } from "./slow-reader.js";
import { summarise, summaryLines } from "./summary.js";

const help = `npm run faults -- [--seed S] [--rounds N] [--first R] [--fsync always|everysec|no] [--only KIND,…] [--json FILE]
  Starts Redis, 2 ingresses, 2 experts with 2 workers and 2 simulated engines each, drives load, injects faults by the seed, and
  checks every request. Exit code 1 if anything was lost, repeated, or wrong in another way. KIND:
  ${faultKinds.join(", ")}
npm run faults -- recovery [--times 50] [--json FILE]      time from a fault to the next token of the same answer
npm run faults -- failover [--times 50] [--json FILE]      time from the promotion by Sentinel to the next token
npm run faults -- fsync [--times 5] [--json FILE]          what Redis forgets under kill -9, by fsync policy
npm run faults -- slow-reader [--json FILE]                memory of the ingress, and other users, beside slow readers
`;

const options = {
  seed: { type: "string", default: "1" },
  rounds: { type: "string", default: "20" },
  first: { type: "string", default: "0" },
  times: { type: "string" },
  fsync: { type: "string", default: "always" },
  only: { type: "string", default: "" },
  json: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the command; answers its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  if (values.help) {
    say(help);
    return 0;
  }
  const whole = (name: "seed" | "rounds" | "first" | "times", fallback?: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
    return value;
  };
  const [command = "rounds"] = positionals;
  const report = await runCommand(command, whole, values);
  if (values.json !== undefined) {
    const redis = execFileSync(findRedisBinary() ?? "redis-server", ["--version"])
      .toString()
      .split(" ")[2];
    const versions = { node: process.version, redis };
    writeFileSync(values.json, `${JSON.stringify({ command, versions, ...report }, undefined, 2)}\n`);
  }
  return report.ok ? 0 : 1;
}

type Report = { readonly ok: boolean } & Readonly<Record<string, unknown>>;

async function runCommand(
  command: string,
  whole: (name: "seed" | "rounds" | "first" | "times", fallback?: number) => number,
  values: { readonly fsync: string; readonly only: string },
): Promise<Report> {
  if (command === "recovery") {
    const figures = await measureRecovery(whole("times", 50), say);
    return { ok: figures.every(({ wrong }) => wrong === 0), figures };
  }
  if (command === "failover") {
    const figures = await measureFailover(whole("times", 50), say);
    return { ok: figures.wrong === 0 && figures.streamsWorstMs <= 10_000, figures };
  }
  if (command === "fsync") return { ok: true, figures: await measureFsyncLoss(whole("times", 5), say) };
  if (command === "slow-reader") return { ok: true, figures: await measureSlowReader(say) };
  if (command !== "rounds") throw new Error(`there is no '${command}'\n${help}`);
  const { fsync } = values;
  if (fsync !== "always" && fsync !== "everysec" && fsync !== "no") {
    throw new Error("--fsync must be always, everysec or no");
  }
  const only = values.only.split(",").filter((kind) => kind !== "") as FaultKind[];
  const unknown = only.find((kind) => !faultKinds.includes(kind));
  if (unknown !== undefined) throw new Error(`--only: there is no '${unknown}'; ${faultKinds.join(", ")}`);
  const run = { seed: whole("seed"), rounds: whole("rounds"), first: whole("first"), only, fsync } as const;
  const results = await runRounds(run, say);
  const summary = summarise(results);
  for (const line of summaryLines(summary)) say(line);
  const violations = results.flatMap(({ round, violations: found }) =>
    found.map((each) => ({ round, ...each })),
  );
  return { ok: violations.length === 0, ...run, summary, violations };
}
