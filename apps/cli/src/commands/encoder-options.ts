/** What the commands that open an encoder have in common. */
import { EncoderError } from "@expert-router/embedder";
import { InvalidArgumentError, type Command } from "commander";

export interface EncoderOptions {
  readonly file?: string;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly sessions?: number;
}

/** Adds the options of {@link EncoderOptions}. */
export function withEncoderOptions(command: Command): Command {
  return command
    .option("--file <path>", "the model to take, such as onnx/model_quantized.onnx")
    .option("--max-tokens <n>", "tokens of a text that are read", positive)
    .option("--threads <n>", "threads that compute", positive)
    .option("--sessions <n>", "sessions that share the threads", positive);
}

/** Runs a command's work; an error of the encoder becomes one line on stderr and exit code 1. */
export async function reportEncoderErrors(command: Command, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EncoderError)) throw error;
    command.error(`error: ${error.message}`, { code: error.code, exitCode: 1 });
  }
}

/** Parses a whole number from 1 to 10,000. */
export function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 10_000) return value;
  throw new InvalidArgumentError("must be a whole number from 1 to 10000");
}
