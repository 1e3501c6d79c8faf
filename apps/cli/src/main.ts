/** The `expert-router` command: finds the subcommand and loads nothing else. */
import { readFileSync } from "node:fs";
import { Command, type CommanderError } from "commander";
import { CommandFailure } from "./command-failure.js";
import { commandTable, type CommandEntry } from "./command-table.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("expert-router")
  .description("Many specialised language models, served as one.")
  .version(version)
  .showHelpAfterError("(--help tells what is possible)")
  .showSuggestionAfterError()
  .addHelpText(
    "after",
    `
Examples:
  $ expert-router up                                   the whole system on this machine
  $ expert-router submit "Why is the sky blue?" --watch
  $ expert-router doctor                               what is wrong here`,
  );

/** Only the asked subcommand is loaded; the others are names, so that the help can list them. */
async function addCommands(asked: string | undefined): Promise<void> {
  for (const [name, entry] of Object.entries<CommandEntry>(commandTable)) {
    if (name === asked) program.addCommand(await entry.load());
    else program.command(name).description(entry.description).allowUnknownOption();
  }
  throwErrors(program);
}

/** So that all errors end in {@link fail}. */
function throwErrors(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) throwErrors(each);
}

/** By name, because importing the configuration costs a process that needs none a quarter of a second. */
const exitCodes: Readonly<Record<string, number>> = { ConfigError: 2 };

function fail(error: unknown): void {
  if (isCommanderError(error)) {
    // 0: it was asked for help.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  const exitCode =
    error instanceof CommandFailure ? error.exitCode : error instanceof Error && exitCodes[error.name];
  const text =
    error instanceof Error ? (exitCode ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode || 1;
}

function isCommanderError(error: unknown): error is CommanderError {
  return (
    error instanceof Error &&
    "exitCode" in error &&
    "code" in error &&
    String(error.code).startsWith("commander.")
  );
}

const [, , first, second] = process.argv;
try {
  // `expert-router help up` is `expert-router up --help`.
  await addCommands(first === "help" ? second : first);
  await program.parseAsync();
} catch (error) {
  fail(error);
}
