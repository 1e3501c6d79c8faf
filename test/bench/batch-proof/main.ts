/** `npm run batch-proof`: a batch of real prompts, as fast as it goes and through kills, and each line counted. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { proveBatch, type BatchFigures } from "./prove-batch.js";

const maxCallsPerLine = 1.02;
const maxValidatedS = 15;
const minLinesPerS = 1_500;
const maxGrowthMb = 100;

const help = `npm run batch-proof -- [--lines 50000] [--kills 0] [--experts 2] [--concurrency 64] [--max-tokens 4] [--token-ms 0] [--file PROMPTS.jsonl.gz] [--json FILE]
  Runs a batch through Redis, an ingress, and a worker and a simulated engine for each expert, which takes --token-ms for each
  token. --kills: so many times all of them get kill -9, Redis and engines too. Exit code 1, with the bounds that are broken, if a line is
  missing, is there twice, failed, more than ${maxCallsPerLine} engine calls a line were made, or a kill found the batch at its end; without kills also if it is not running after ${maxValidatedS} s, does less
  than ${minLinesPerS} lines a second, or the ingress grows by more than ${maxGrowthMb} MB.
`;

const options = {
  lines: { type: "string", default: "50000" },
  kills: { type: "string", default: "0" },
  experts: { type: "string", default: "2" },
  concurrency: { type: "string", default: "64" },
  "max-tokens": { type: "string", default: "4" },
  "token-ms": { type: "string", default: "0" },
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
      tokenMs: Number(values["token-ms"]),
      file: values.file,
      profile: values.profile,
    },
    say,
  );
  for (const [name, value] of tableRows(figures)) say(`${name.padEnd(44)}${value}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  const broken = brokenBounds(figures);
  for (const bound of broken) say(`not proven: ${bound}`);
  return broken.length === 0 ? 0 : 1;
}

/**
 * Which bounds the figures break: each line has one result, and hardly any was run twice; without kills also how fast it goes, and in
 * how much memory. Those three are for 50,000 lines on two free processors.
 */
export function brokenBounds(figures: BatchFigures): string[] {
  const { lines, kills, engineCalls, validatedS, runS, rssBeforeMb, rssMaxMb } = figures;
  const bounds: [string, boolean][] = [
    [`the batch is ${figures.status}, not completed`, figures.status === "completed"],
    [`${figures.missing} lines are missing`, figures.missing === 0],
    [`${figures.twice} lines are there twice`, figures.twice === 0],
    [`${figures.failed} lines failed`, figures.failed === 0],
    [`killed ${kills} times instead of ${figures.killsAsked}`, kills === figures.killsAsked],
    [`more than ${maxCallsPerLine} engine calls a line`, engineCalls <= maxCallsPerLine * lines],
    [`validated and running after more than ${maxValidatedS} s`, kills > 0 || validatedS <= maxValidatedS],
    [`less than ${minLinesPerS} lines a second`, kills > 0 || lines / runS >= minLinesPerS],
    [`the ingress grew by more than ${maxGrowthMb} MB`, kills > 0 || rssMaxMb - rssBeforeMb <= maxGrowthMb],
  ];
  return bounds.flatMap(([what, holds]) => (holds ? [] : [what]));
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
