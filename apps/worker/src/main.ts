import { readWorkerSettings } from "@expert-router/config";
import { runWorker } from "./run-worker.js";

try {
  const { lifecycle } = await runWorker(readWorkerSettings());
  lifecycle.handleSignals(process);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
