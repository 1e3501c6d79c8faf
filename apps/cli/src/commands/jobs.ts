import { requestStatuses, type Job, type JobList, type JobListQuery } from "@expert-router/contracts";
import { Command, Option } from "commander";
import { askIngress } from "../submit/ingress-client.js";
import { ingressAddress, keyHelp, printJson, urlOption } from "./client-options.js";
import { addPair, time, wholeNumber } from "./option-values.js";

interface JobOptions {
  readonly json?: true;
  readonly url?: string;
}

interface ListOptions extends JobOptions {
  readonly limit: number;
  readonly order?: JobListQuery["order"];
  readonly after?: string;
  readonly before?: string;
  readonly status?: string;
  readonly expert?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
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
    .description("list jobs, newest first; filters all have to fit")
    .addOption(new Option("--status <status>", "those in this status").choices(requestStatuses))
    .option("--expert <id>", "those of this expert")
    .option("--metadata <key=value>", "those with this pair; may be given again", addPair)
    .option("--created-after <time>", "those of this time or later; Unix seconds or 2026-11-25T19:00Z", time)
    .option("--created-before <time>", "those earlier than this time", time)
    .option("--limit <n>", "jobs at most, 1 to 100", wholeNumber, 20)
    .addOption(new Option("--order <order>", "asc: oldest first").choices(["asc", "desc"]))
    .addOption(new Option("--after <id>", "the page behind this job").conflicts("before"))
    .option("--before <id>", "the page that ends right before this job")
    .option("--json", "print them as JSON")
    .addOption(urlOption())
    .addHelpText(
      "after",
      `
With filters a page may be shorter than the limit, or empty, although there are more: go on as it says.

Examples:
  $ expert-router jobs list --status failed --expert code --created-after 2026-11-25
  $ expert-router jobs list --metadata project=atlas --json`,
    )
    .action(async (options: ListOptions) => {
      const path = `/v1/jobs?${listQuery(options).toString()}`;
      const list = await askIngress<JobList>(ingressAddress(options), path);
      if (options.json === true) return printJson(list);
      for (const job of list.data) process.stdout.write(`${line(job)}\n`);
      if (!list.has_more) return;
      const end =
        options.before === undefined
          ? `--after ${list.last_id}`
          : `--before ${list.first_id ?? list.last_id}`;
      process.stderr.write(`more: ${end}\n`);
    });
}

function listQuery(options: ListOptions): URLSearchParams {
  const { limit, order, after, before, status, expert, createdAfter, createdBefore } = options;
  const plain = {
    ...{ limit, order, after, before, status, expert },
    created_after: createdAfter,
    created_before: createdBefore,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(plain)) if (value !== undefined) query.set(name, String(value));
  for (const [key, value] of options.metadata ?? []) query.set(`metadata[${key}]`, value);
  return query;
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
