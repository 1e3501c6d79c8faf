import { loadSystemConfig, masked, systemConfigPath } from "@expert-router/config";
import { Command } from "commander";

/** `expert-router config check` */
export function configCommand(): Command {
  const check = new Command("check")
    .description("report every problem of expert-router.yaml; print the effective values, secrets masked")
    .argument("[file]", "the file (default: EXPERT_ROUTER_CONFIG or ./expert-router.yaml)")
    .addHelpText("after", "\nExample:\n  $ expert-router config check deploy/expert-router.yaml")
    .action((file: string | undefined) => {
      const config = loadSystemConfig(file ?? systemConfigPath());
      process.stdout.write(`${JSON.stringify(masked(config), undefined, 2)}\n`);
    });
  return new Command("config").description("check the configuration").addCommand(check);
}
