import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { jobSubmissionSchema, type Job, type JobSubmission } from "@expert-router/contracts";
import { Command, Option } from "commander";
import { CommandFailure } from "../command-failure.js";
import { submitJob, type IngressAddress } from "../submit/ingress-client.js";
import { watchJob } from "../submit/watch-job.js";
import { ingressAddress, keyHelp, printJson, urlOption } from "./client-options.js";

interface SubmitOptions {
  readonly file?: string;
  readonly endpoint?: JobSubmission["endpoint"];
  readonly expert?: string;
  readonly watch?: true;
  readonly json?: true;
  readonly url?: string;
}

/** `expert-router submit` */
export function submitCommand(): Command {
  return new Command("submit")
    .description("submit a job to a running ingress")
    .argument("[prompt]", "the prompt; left out, it is read from standard input")
    .option("--file <body.json>", "a whole request body instead of a prompt; - for standard input")
    .addOption(
      new Option("--endpoint <path>", "what the body is for (told by its fields)").choices(
        jobSubmissionSchema.shape.endpoint.options,
      ),
    )
    .option("--expert <id>", "the expert that shall answer, instead of routing")
    .option("--watch", "print the answer while it comes")
    .option("--json", "print the job as JSON (with --watch, once it has ended)")
    .addOption(urlOption())
    .addHelpText(
      "after",
      `
${keyHelp}

Examples:
  $ expert-router submit "Why is the sky blue?" --watch
  $ cat notes.txt | expert-router submit --expert writing --json
  $ expert-router submit --file body.json --watch`,
    )
    .action(async (prompt: string | undefined, options: SubmitOptions) => {
      const ingress = ingressAddress(options);
      const job = await submitJob(ingress, await submission(prompt, options));
      if (options.watch === true) await watch(ingress, job, options.json === true);
      else if (options.json === true) printJson(job);
      else process.stdout.write(`${summary(job)}\n`);
    });
}

async function submission(prompt: string | undefined, options: SubmitOptions): Promise<JobSubmission> {
  const body = options.file === undefined ? await promptBody(prompt, options) : await fileBody(options.file);
  const endpoint = options.endpoint ?? ("prompt" in body ? "/v1/completions" : "/v1/chat/completions");
  const model = options.expert ?? body["model"] ?? "auto";
  return { endpoint, body: { ...body, model } };
}

async function promptBody(
  prompt: string | undefined,
  { endpoint }: SubmitOptions,
): Promise<Record<string, unknown>> {
  if (prompt === undefined && process.stdin.isTTY) throw new CommandFailure("give a prompt, or --file", 2);
  const content = prompt ?? (await text(process.stdin)).trim();
  if (content === "") throw new CommandFailure("the prompt is empty", 2);
  return endpoint === "/v1/completions" ? { prompt: content } : { messages: [{ role: "user", content }] };
}

async function fileBody(file: string): Promise<Record<string, unknown>> {
  try {
    const content = file === "-" ? await text(process.stdin) : readFileSync(file, "utf8");
    const body: unknown = JSON.parse(content);
    if (typeof body === "object" && body !== null && !Array.isArray(body))
      return body as Record<string, unknown>;
  } catch (error) {
    throw new CommandFailure(`${file}: ${(error as Error).message}`, 2);
  }
  throw new CommandFailure(`${file}: expected a JSON object`, 2);
}

async function watch(ingress: IngressAddress, { id, expert }: Job, asJson: boolean): Promise<void> {
  process.stderr.write(`${id} on ${expert}\n`);
  const job = await watchJob({
    ingress,
    id,
    onText: (piece) => void (asJson || process.stdout.write(piece)),
    onRestart: () => void process.stderr.write("\n(the answer starts over)\n"),
  });
  if (asJson) printJson(job);
  else process.stdout.write("\n");
  if (job.status === "completed") return;
  const reason = job.error === null ? "" : `: ${job.error.code}: ${job.error.message}`;
  throw new CommandFailure(`${id} ${job.status}${reason}`);
}

function summary(job: Job): string {
  const confidence = job.reason === "best-match" ? `, confidence ${job.confidence.toFixed(2)}` : "";
  const position = job.queue_position === null ? "" : `; position ${job.queue_position} in the queue`;
  const eta = job.eta_s === null ? "" : `, starts in about ${Math.ceil(job.eta_s)} s`;
  return `${job.id} ${job.status} on ${job.expert} (${job.reason}${confidence})${position}${eta}`;
}
