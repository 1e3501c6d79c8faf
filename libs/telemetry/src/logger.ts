import { pino, type DestinationStream, type Logger as PinoLogger } from "pino";
import { describeError } from "./describe-error.js";

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** The process, as `ingress` or `worker`. */
  readonly name: string;
  /** pino's levels. */
  readonly level: string;
  /** Where lines go; standard output unless a test says otherwise. */
  readonly destination?: DestinationStream;
}

/** Fields that hold what users wrote, what models answered, or secrets. */
const neverLogged = [
  "prompt",
  "messages",
  "input",
  "body",
  "text",
  "content",
  "delta",
  "apiKey",
  "apiKeys",
  "api_key",
  "authorization",
  "cookie",
  "password",
  "redisUrl",
];

/**
 * A logger of JSON lines. Prompts, answers and secrets are removed even where a caller hands them over by mistake, two
 * levels deep; errors are reduced to type, code, message and stack, because a client library hangs its whole command
 * (with the arguments) on them.
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const paths = neverLogged.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths, remove: true },
    },
    destination ?? pino.destination(1),
  );
}
