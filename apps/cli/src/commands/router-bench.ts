import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClassifierBenchmark } from "@expert-router/embedder";
import { Command, InvalidArgumentError } from "commander";
import { benchmarkPrompts } from "../router/benchmark-prompts.js";
import { reportRouterErrors } from "./router-failure.js";

const defaultArtifact = fileURLToPath(new URL("../../../../routers/default", import.meta.url));

interface BenchOptions {
  readonly input?: string;
  readonly seconds: number;
  readonly json?: true;
}

/** `expert-router router bench` */
export function routerBenchCommand(): Command {
  const command = new Command("bench")
    .description("measure how fast an artifact classifies, features included; needs no Redis")
    .argument("[dir]", "folder of the artifact; without it, that of the default router")
    .option(
      "--input <file>",
      "prompts, .jsonl or .jsonl.gz; without it, texts of 400 characters from the seeds",
    )
    .option("--seconds <n>", "seconds for each number of calls in flight", seconds, 5)
    .option("--json", "print the figures as JSON");
  return command.action(async (dir: string | undefined, { input, seconds: each, json }: BenchOptions) =>
    reportRouterErrors(command, async () => {
      const texts = await benchmarkPrompts(input);
      const { benchmarkClassifier } = await import("@expert-router/embedder");
      const measured = await benchmarkClassifier(resolve(dir ?? defaultArtifact), { texts, seconds: each });
      process.stdout.write(
        json ? `${JSON.stringify(measured, undefined, 2)}\n` : classifierBenchmarkTable(measured),
      );
    }),
  );
}

/** The figures for people. */
export function classifierBenchmarkTable(measured: ClassifierBenchmark): string {
  const { version, prompts, mean_units, loads, long_text } = measured;
  const head = [
    "in flight",
    "prompts/s",
    "p50 µs",
    "p99 µs",
    "cpu µs a prompt",
    "loop delay p99 ms",
    "max ms",
  ];
  const rows = loads.map((of) => [
    of.in_flight,
    of.prompts_per_s,
    of.p50_us,
    of.p99_us,
    of.cpu_us_per_prompt,
    of.event_loop_delay_ms.p99,
    of.event_loop_delay_ms.max,
  ]);
  const lines = [head, ...rows].map((cells) =>
    cells.map((cell, at) => String(cell).padStart(Math.max(9, head[at]!.length))).join("  "),
  );
  return [
    `${version}: ${prompts} prompts of ${mean_units} characters on average`,
    ...lines,
    `a text of ${long_text.units} characters: ${long_text.p50_ms} ms (p50), ${long_text.p99_ms} ms (p99)`,
    "",
  ].join("\n");
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 600) return value;
  throw new InvalidArgumentError("must be a number of seconds above 0, at most 600");
}
