import { readCommandSettings } from "@expert-router/config";
import type { DeadLetter } from "@expert-router/contracts";
import { Command } from "commander";
import { CommandFailure } from "../command-failure.js";
import { assertRequestId, DeadLetterDesk, type DeskResult } from "../dead-letters/dead-letter-desk.js";
import { withStateRedis } from "../router/state-redis.js";

interface ListOptions {
  readonly expert?: string;
  readonly json?: true;
}

interface SelectionOptions extends ListOptions {
  readonly all?: true;
}

/** `expert-router dead` */
export function deadCommand(): Command {
  const command = new Command("dead").description("inspect, replay and drop requests that failed for good");
  command.addHelpText(
    "after",
    `
A request becomes a dead letter when its attempts are used up, or when it broke off and could not be continued. Its body is
kept for retention.dead_s, and at most 1,000 letters an expert. The state is in Redis (REDIS_URL, or that of a running
'expert-router up').

Examples:
  $ expert-router dead list --expert code
  $ expert-router dead show req_01J…            with its body: that is the user's prompt
  $ expert-router dead replay req_01J… req_01K…
  $ expert-router dead replay --all --expert code
  $ expert-router dead drop --all`,
  );
  for (const part of [listCommand(), showCommand(), replayCommand(), dropCommand()]) command.addCommand(part);
  return command;
}

function listCommand(): Command {
  return new Command("list")
    .description("list dead letters, newest first; without prompts")
    .option("--expert <id>", "of this expert only")
    .option("--json", "print them as JSON")
    .action(async (options: ListOptions) => {
      const letters = await atDesk((desk) => desk.list(options.expert));
      process.stdout.write(options.json === true ? json(letters) : listText(letters));
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("show a dead letter and its request, prompt included")
    .argument("<id>", "id of the request")
    .option("--json", "print it as JSON")
    .action(async (id: string, options: ListOptions) => {
      const { letter, request } = await atDesk((desk) => desk.show(id));
      if (options.json === true) {
        process.stdout.write(json({ letter, request }));
        return;
      }
      const lines = [
        `request   ${letter.id} (${request.kind}, ${request.endpoint})`,
        `expert    ${letter.expert}`,
        `tenant    ${request.tenant}`,
        `accepted  ${new Date(request.createdAtMs).toISOString()}`,
        `failed    ${new Date(letter.failedAtMs).toISOString()} after ${letter.attempts} attempts`,
        `error     ${letter.code}: ${request.error?.message ?? ""}`,
        "body",
        JSON.stringify(request.body, undefined, 2),
      ];
      process.stdout.write(`${lines.join("\n")}\n`);
    });
}

function replayCommand(): Command {
  return selecting("replay", "put requests on their queues again, each as a new job; twice makes one job")
    .addHelpText(
      "after",
      "\nThe new job has no deadline and no webhook; its metadata name the old request as 'replay_of'. Exit code 1 if one failed.",
    )
    .action((ids: string[], options: SelectionOptions) =>
      forEach(ids, options, (desk, id) => desk.replay(id)),
    );
}

function dropCommand(): Command {
  return selecting("drop", "take requests off the list and forget their bodies").action(
    (ids: string[], options: SelectionOptions) => forEach(ids, options, (desk, id) => desk.drop(id)),
  );
}

function selecting(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument("[id...]", "ids of requests")
    .option("--all", "all dead letters")
    .option("--expert <id>", "with --all: of this expert only")
    .option("--json", "print what became of each as JSON");
}

/** One after the other; what fails does not stop the rest. */
async function forEach(
  ids: readonly string[],
  { all, expert, json: asJson }: SelectionOptions,
  act: (desk: DeadLetterDesk, id: string) => Promise<DeskResult>,
): Promise<void> {
  if ((all === true) === ids.length > 0) throw new CommandFailure("give either ids or --all", 2);
  if (expert !== undefined && all !== true) throw new CommandFailure("--expert goes with --all", 2);
  for (const id of ids) assertRequestId(id);
  const results = await atDesk(async (desk) => {
    const chosen = all === true ? (await desk.list(expert)).map(({ id }) => id) : ids;
    const done: DeskResult[] = [];
    for (const id of new Set(chosen)) {
      const result = await act(desk, id).catch((error: unknown): DeskResult => {
        if (!(error instanceof CommandFailure)) throw error;
        return { id, outcome: "failed", message: error.message };
      });
      done.push(result);
    }
    return done;
  });
  process.stdout.write(asJson === true ? json(results) : results.map(resultText).join(""));
  if (results.length === 0 && asJson !== true) process.stdout.write("no dead letters\n");
  if (results.some(({ outcome }) => outcome === "failed")) process.exitCode = 1;
}

async function atDesk<Value>(work: (desk: DeadLetterDesk) => Promise<Value>): Promise<Value> {
  const settings = readCommandSettings();
  return withStateRedis(settings, (redis) => work(new DeadLetterDesk(redis, settings.system)));
}

function listText(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return "no dead letters\n";
  const rows = letters.map(({ id, expert, code, attempts, failedAtMs }) => [
    id,
    expert,
    code,
    String(attempts),
    new Date(failedAtMs).toISOString(),
  ]);
  const table = [["ID", "EXPERT", "ERROR", "ATTEMPTS", "FAILED"], ...rows];
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${table.map(line).join("\n")}\n`;
}

function resultText({ id, outcome, job, message }: DeskResult): string {
  if (outcome === "failed") return `${message}\n`;
  if (outcome === "dropped") return `${id}: dropped\n`;
  return `${id}: ${outcome === "replayed" ? "replayed" : "was replayed before"} as ${job}\n`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
