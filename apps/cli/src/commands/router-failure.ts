import type { Command } from "commander";
import { RouterError } from "@expert-router/classifier";
import { EncoderError } from "@expert-router/embedder";

/** Runs a command's work; an error of the artifact, the encoder or the data becomes one line on stderr and exit code 1. */
export async function reportRouterErrors(command: Command, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RouterError || error instanceof EncoderError)) throw error;
    command.error(`error: ${error.message}`, { code: error.code, exitCode: 1 });
  }
}
