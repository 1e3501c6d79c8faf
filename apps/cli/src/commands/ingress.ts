import { readIngressSettings } from "@expert-router/config";
import { boundHeapGrowth } from "@expert-router/lifecycle";
import { Command } from "commander";

/** `expert-router ingress` */
export function ingressCommand(): Command {
  return new Command("ingress")
    .description("run the HTTP front door; PORT, HOST, REDIS_URL and the others come from the environment")
    .addHelpText("after", "\nExample:\n  $ PORT=8080 REDIS_URL=redis://10.0.0.5:6379 expert-router ingress")
    .action(async () => {
      boundHeapGrowth();
      const settings = readIngressSettings();
      const { runIngress } = await import("@expert-router/ingress");
      const { url, lifecycle } = await runIngress(settings);
      lifecycle.handleSignals(process);
      process.send?.({ type: "ready", url });
    });
}
