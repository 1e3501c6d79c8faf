/** The simulator as a process of its own: options from the command line, until SIGINT, SIGTERM or the end of its parent. */
import { parseEngineSimArguments, runEngineSim } from "./index.js";

try {
  const options = parseEngineSimArguments(process.argv.slice(2));
  const sim = await runEngineSim(options);
  const leave = (): void => void sim.close().finally(() => process.exit(0));
  process.once("SIGINT", leave).once("SIGTERM", leave).once("disconnect", leave);
  process.stdout.write(`engine-sim: ${sim.model} on ${sim.url}\n`);
  process.send?.({ type: "ready", url: sim.url });
} catch (error) {
  process.stderr.write(`engine-sim: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
