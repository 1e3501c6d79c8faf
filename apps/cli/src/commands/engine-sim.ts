import { defaultEngineSimOptions as defaults } from "@expert-router/engine-sim";
import { Lifecycle } from "@expert-router/lifecycle";
import { Command } from "commander";
import { CommandFailure } from "../command-failure.js";

/** `expert-router engine-sim` */
export function engineSimCommand(): Command {
  return new Command("engine-sim")
    .description("run a simulated inference server: seeded text at a fixed pace, made by no language model")
    .option("--host <address>", `address to listen on (${defaults.host})`)
    .option("--port <number>", `port to listen on; 0: any free one (${defaults.port})`)
    .option("--any-port-if-taken", "where the port cannot be had, any free one; the output tells which")
    .option("--model <name>", `name of the model; always says that it is simulated (${defaults.model})`)
    .option("--max-num-seqs <number>", `requests generated at once (${defaults.maxNumSeqs})`)
    .option(
      "--time-to-first-token <ms>",
      `milliseconds before the first token (${defaults.timeToFirstTokenMs})`,
    )
    .option("--inter-token-latency <ms>", `milliseconds between tokens (${defaults.interTokenLatencyMs})`)
    .option(
      "--time-factor-under-load <factor>",
      `how much slower it is when full (${defaults.timeFactorUnderLoad})`,
    )
    .option("--time-factor <factor>", `both latencies times this (${defaults.timeFactor})`)
    .option(
      "--prefix-cache-size <number>",
      `message boundaries that a simulated prefix cache holds; 0: none (${defaults.prefixCacheSize})`,
    )
    .option(
      "--prefix-cache-speedup <factor>",
      `how much faster a held part of a prompt is (${defaults.prefixCacheSpeedup})`,
    )
    .option("--max-tokens-default <number>", "tokens of an answer whose request names no limit")
    .option(
      "--failure-injection-rate <share>",
      `share of requests that fail, 0 to 1 (${defaults.failureInjectionRate})`,
    )
    .option(
      "--failure-types <list>",
      "faults that those meet, separated by commas (all below but hang-before, hang-mid, endless-line)",
    )
    .option(
      "--retry-after <seconds>",
      `retry-after of injected 429 and 503 answers (${defaults.retryAfterS})`,
    )
    .option("--seed <number>", `seed of texts and failures (${defaults.seed})`)
    .addHelpText(
      "after",
      faultHelp + "\nExample:\n  $ expert-router engine-sim --port 8101 --model simulated-code --seed 7",
    )
    .action(async (_options, command: Command) => {
      const { parseEngineSimArguments } = await import("@expert-router/engine-sim");
      const { isUnavailablePort, startSimulator } = await import("../up/start-simulator.js");
      const anyPortIfTaken = command.getOptionValue("anyPortIfTaken") === true;
      const sim = await Promise.resolve()
        .then(() => startSimulator(parseEngineSimArguments(givenFlags(command)), anyPortIfTaken))
        .catch((error: Error) => {
          throw new CommandFailure(error.message, isUnavailablePort(error) ? 1 : 2);
        });
      const lifecycle = new Lifecycle();
      lifecycle.onDrain("close", () => sim.close());
      lifecycle.ready();
      lifecycle.handleSignals(process);
      process.stdout.write(`engine-sim: ${sim.model} on ${sim.url}\n`);
      process.send?.({ type: "ready", url: sim.url });
    });
}

/** What the faults do, in the words of the manual. */
const faultHelp = `
Faults, by chance (drawn by the seed, the prompt and how often it came) or asked for by a request, with the body field
x_sim_fault or the header x-sim-fault; "once:NAME" strikes only the first request with its prompt:
  hang-before      nothing is ever sent                hang-mid      silence in the middle of the answer
  cut-mid          connection cut in the middle        cut-chunk     cut inside an event and an HTTP chunk
  end-mid          the body ends early, in good order  garbage       bytes that are not JSON, in the middle
  endless-line     64 MiB without a line end           wrong-type    200 with a web page
  error-after-200  an error object in the middle       error-200     200 with an error object as JSON
  http-500, http-429, http-503, http-503-date          refused; retry-after in seconds, or as a date
In the middle: after half of the answer where it was asked for, anywhere by chance.
`;

/** The flags as they were typed: the simulator checks them itself. */
function givenFlags(command: Command): string[] {
  return command.options.flatMap((option) => {
    const value: unknown = command.getOptionValue(option.attributeName());
    return typeof value === "string" ? [`${option.long ?? ""}=${value}`] : [];
  });
}
