import type { Job } from "@expert-router/contracts";
import { Command } from "commander";
import { CommandFailure } from "../command-failure.js";
import { watchJob } from "../submit/watch-job.js";
import { ingressAddress, keyHelp, printJson, urlOption } from "./client-options.js";

interface WatchOptions {
  readonly json?: true;
  readonly url?: string;
}

/** `expert-router watch` */
export function watchCommand(): Command {
  return new Command("watch")
    .description("follow a job: print its answer while it comes, from the beginning")
    .argument("<id>", "id of the job")
    .option("--json", "print the job as JSON, once it has ended")
    .addOption(urlOption())
    .addHelpText("after", `\n${keyHelp} Exit code 1 if the job does not complete.`)
    .action(async (id: string, options: WatchOptions) => {
      const asJson = options.json === true;
      const job = await watchJob({
        ingress: ingressAddress(options),
        id: encodeURIComponent(id),
        onText: (piece) => void (asJson || process.stdout.write(piece)),
        onRestart: () => void process.stderr.write("\n(the answer starts over)\n"),
      });
      if (asJson) printJson(job);
      else process.stdout.write("\n");
      assertCompleted(job);
    });
}

function assertCompleted({ id, status, error }: Job): void {
  if (status === "completed") return;
  throw new CommandFailure(`${id} ${status}${error === null ? "" : `: ${error.code}: ${error.message}`}`);
}
