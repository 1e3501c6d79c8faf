import type { Command } from "commander";
import { RouterError } from "@expert-router/classifier";

/** Runs a command's work; an error of the artifact or the data becomes one line on stderr and exit code 1. */
export async function reportRouterErrors(command: Command, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RouterError)) throw error;
    command.error(`error: ${error.message}`, { code: error.code, exitCode: 1 });
  }
}
