import { requestStatuses, type Job, type JobList } from "@expert-router/contracts";
import { Command, InvalidArgumentError, Option } from "commander";
import { askIngress } from "../submit/ingress-client.js";
import { ingressAddress, keyHelp, printJson, urlOption } from "./client-options.js";

interface JobOptions {
  readonly json?: true;
  readonly url?: string;
}

interface ListOptions extends JobOptions {
  readonly limit: number;
  readonly after?: string;
  readonly status?: string;
  readonly expert?: string;
}

/** `expert-router jobs` */
export function jobsCommand(): Command {
  const command = new Command("jobs").description("list, show and cancel jobs of a running ingress");
  command.addHelpText("after", `\n${keyHelp} 'expert-router watch ID' follows a job.`);
  for (const part of [listCommand(), showCommand(), cancelCommand()]) command.addCommand(part);
  return command;
}

function listCommand(): Command {
  return new Command("list")
    .description("list jobs, newest first")
    .option("--limit <n>", "jobs at most, 1 to 100", wholeNumber, 20)
    .option("--after <id>", "those behind this job")
    .addOption(new Option("--status <status>", "those in this status").choices(requestStatuses))
    .option("--expert <id>", "those of this expert")
    .option("--json", "print them as JSON")
    .addOption(urlOption())
    .action(async ({ json, url, limit, ...filters }: ListOptions) => {
      const query = new URLSearchParams({ limit: String(limit), ...filters });
      const list = await askIngress<JobList>(
        ingressAddress(url === undefined ? {} : { url }),
        `/v1/jobs?${query.toString()}`,
      );
      if (json === true) return printJson(list);
      for (const job of list.data) process.stdout.write(`${line(job)}\n`);
      if (list.has_more) process.stderr.write(`more: --after ${list.last_id}\n`);
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("show a job, with its answer once completed")
    .argument("<id>", "id of the job")
    .addOption(urlOption())
    .action(async (id: string, options: JobOptions) => {
      printJson(await askIngress<Job>(ingressAddress(options), `/v1/jobs/${encodeURIComponent(id)}`));
    });
}

function cancelCommand(): Command {
  return new Command("cancel")
    .description("cancel a job")
    .argument("<id>", "id of the job")
    .option("--json", "print the job as JSON")
    .addOption(urlOption())
    .action(async (id: string, options: JobOptions) => {
      const path = `/v1/jobs/${encodeURIComponent(id)}/cancel`;
      const job = await askIngress<Job>(ingressAddress(options), path, { method: "POST" });
      if (options.json === true) printJson(job);
      else process.stdout.write(`${line(job)}\n`);
    });
}

function line(job: Job): string {
  const created = new Date(job.created_at * 1_000).toISOString();
  const error = job.error === null ? "" : `  ${job.error.code}`;
  return `${job.id}  ${created}  ${job.status.padEnd(11)}  ${job.expert}${error}`;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError("expected a whole number from 1.");
  return number;
}
