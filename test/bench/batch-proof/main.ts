/** `npm run batch-proof`: a batch of real prompts, as fast as it goes and through kills, and each line counted. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { proveBatch, type BatchFigures } from "./prove-batch.js";

const help = `npm run batch-proof -- [--lines 50000] [--kills 0] [--experts 2] [--concurrency 64] [--max-tokens 4] [--file PROMPTS.jsonl.gz] [--json FILE]
  Runs a batch through Redis, an ingress, and a worker and a simulated engine without latency for each expert. --kills: so many
  times all of them get kill -9, Redis and engines too. Exit code 1 if a line is missing, is there twice, or was run without need.
`;

const options = {
  lines: { type: "string", default: "50000" },
  kills: { type: "string", default: "0" },
  experts: { type: "string", default: "2" },
  concurrency: { type: "string", default: "64" },
  "max-tokens": { type: "string", default: "4" },
  file: { type: "string", default: "../shared/data/prompts-train.jsonl.gz" },
  profile: { type: "string" },
  json: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Runs the command; answers its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.help) {
    say(help);
    return 0;
  }
  const figures = await proveBatch(
    {
      lines: Number(values.lines),
      kills: Number(values.kills),
      experts: Number(values.experts),
      concurrency: Number(values.concurrency),
      maxTokens: Number(values["max-tokens"]),
      file: values.file,
      profile: values.profile,
    },
    say,
  );
  for (const [name, value] of tableRows(figures)) say(`${name.padEnd(44)}${value}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  return isProven(figures) ? 0 : 1;
}

/** Whether every line has one result and hardly any was run twice. */
export function isProven({ lines, missing, twice, failed, engineCalls, status }: BatchFigures): boolean {
  const once = missing === 0 && twice === 0 && failed === 0;
  return status === "completed" && once && engineCalls <= 1.02 * lines;
}

function tableRows(figures: BatchFigures): [string, string][] {
  const cpu = Object.entries(figures.cpuMsPerLine).map(([name, ms]) => `${name} ${ms.toFixed(3)}`);
  return [
    ["lines", String(figures.lines)],
    ["kill -9 of everything", String(figures.kills)],
    ["upload", `${figures.uploadS.toFixed(1)} s`],
    ["validated and running after", `${figures.validatedS.toFixed(1)} s`],
    ["from running to the end", `${figures.runS.toFixed(1)} s`],
    ["lines a second", (figures.lines / figures.runS).toFixed(0)],
    ["lines a second of two whole processors", figures.linesPerTwoCpuS.toFixed(0)],
    ["CPU ms a line", cpu.join(", ")],
    [
      "memory of the ingress, before and at most",
      `${figures.rssBeforeMb.toFixed(0)} MB, ${figures.rssMaxMb.toFixed(0)} MB`,
    ],
    ["memory of Redis at most", `${figures.redisMaxMb.toFixed(0)} MB`],
    ["engine calls", `${figures.engineCalls} (${(figures.engineCalls / figures.lines).toFixed(4)} a line)`],
    ["lines missing, twice, failed", `${figures.missing}, ${figures.twice}, ${figures.failed}`],
    ["status", figures.status],
  ];
}
