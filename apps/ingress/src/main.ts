import { readIngressSettings } from "@expert-router/config";
import { boundHeapGrowth } from "@expert-router/lifecycle";
import { runIngress } from "./run-ingress.js";

boundHeapGrowth();
try {
  const { lifecycle } = await runIngress(readIngressSettings());
  lifecycle.handleSignals(process);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
