/** `npm run scenario`: shows that scheduling does what it promises, or by how much it does not. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { findRedisBinary } from "@expert-router/redis-server";
import { scenarios } from "./catalogue.js";
import { holds, type Scenario } from "./scenario.js";
import { tableLines } from "./table.js";

const names = scenarios.map(({ name }) => name);
const help = `npm run scenario -- NAME [--json FILE] [--seed N] [--short]
  Starts the whole system (Redis, workers, an ingress; simulators as engines), drives a load, and prints what was measured beside
  what is promised. Exit code 1 if a bound is not held.
  NAME     ${names.join(", ")};
           'all' runs one after the other, 'list' tells what each is about
  --json   writes all figures, the settings, the seed and the versions to FILE
  --seed   another order of arrivals and sizes (1)
  --short  seconds instead of minutes, with bounds that show the shape only
`;

const options = {
  json: { type: "string" },
  seed: { type: "string", default: "1" },
  short: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the command; answers its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [name, ...others] = positionals;
  if (values.help || name === undefined || others.length > 0) {
    say(help);
    return values.help ? 0 : 2;
  }
  if (name === "list") {
    for (const { name: each, acceptance } of scenarios) say(`${each.padEnd(14)} ${acceptance}`);
    return 0;
  }
  const chosen = name === "all" ? scenarios : scenarios.filter((scenario) => scenario.name === name);
  if (chosen.length === 0) throw new Error(`there is no scenario '${name}'\n${help}`);
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error("--seed must be a whole number");
  const reports = [];
  for (const scenario of chosen) reports.push(await runOne(scenario, seed, values.short));
  if (values.json !== undefined) {
    const report = {
      seed,
      short: values.short,
      versions: versions(),
      machine: machine(),
      scenarios: reports,
    };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (reports.length > 1)
    for (const { name: each, held } of reports) say(`${each}: ${held ? "held" : "NOT HELD"}`);
  return reports.every(({ held }) => held) ? 0 : 1;
}

async function runOne(scenario: Scenario, seed: number, short: boolean) {
  const { name, acceptance } = scenario;
  const load = machine().load_average;
  const startedAtMs = performance.now();
  const result = await scenario.run({ seed, short, say: (line) => say(`${name}: ${line}`) });
  for (const line of tableLines(scenario, result)) say(line);
  return {
    name,
    acceptance,
    held: result.figures.every((figure) => holds(figure) !== false),
    seconds: (performance.now() - startedAtMs) / 1_000,
    load_average_before: load,
    load_average_after: machine().load_average,
    ...result,
    figures: result.figures.map((figure) => ({ ...figure, held: holds(figure) })),
  };
}

function versions() {
  const redis = execFileSync(findRedisBinary() ?? "redis-server", ["--version"])
    .toString()
    .split(" ")[2];
  return { node: process.version, redis };
}

function machine() {
  return { cpu: cpus()[0]?.model, cores: cpus().length, load_average: loadavg()[0] };
}
