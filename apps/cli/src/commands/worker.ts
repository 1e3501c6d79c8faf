import { readWorkerSettings } from "@expert-router/config";
import { Command } from "commander";

/** `expert-router worker` */
export function workerCommand(): Command {
  return new Command("worker")
    .description("run the worker of one inference server; EXPERT names the expert, ENGINE_URL its server")
    .addHelpText("after", "\nExample:\n  $ EXPERT=code ENGINE_URL=http://gpu-2:8000 expert-router worker")
    .action(async () => {
      const settings = readWorkerSettings();
      const { runWorker } = await import("@expert-router/worker");
      const { lifecycle, opsUrl } = await runWorker(settings);
      lifecycle.handleSignals(process);
      process.send?.({ type: "ready", url: opsUrl });
    });
}
