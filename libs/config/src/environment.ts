import { z } from "zod";
import { ConfigError } from "./config-error.js";

/** Environment variables, as Node gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How much a process says about itself. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Reads variables one by one and collects what is wrong, so that all of it is reported together. */
export class EnvironmentReader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The value; an empty variable counts as unset. */
  text(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === "" ? undefined : value;
  }

  /** A whole number between `least` and `most`. */
  integer(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    this.problems.push(`${name}: expected a whole number from ${least} to ${most}, not '${text}'`);
    return undefined;
  }

  /** One of `values`. */
  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = values.find((candidate) => candidate === text);
    if (value === undefined)
      this.problems.push(`${name}: expected one of ${values.join(", ")}, not '${text}'`);
    return value;
  }

  /** A URL with one of `protocols` (as `http:`). The value itself is not repeated: it may hold a password. */
  url(name: string, protocols: readonly string[]): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (z.url().safeParse(text).success && protocols.includes(new URL(text).protocol)) return text;
    this.problems.push(
      `${name}: expected a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    );
    return undefined;
  }

  /** Runs `read` and adds the problems of its {@link ConfigError} to the list instead of throwing it. */
  collect<Value>(read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.problems.push(...error.problems);
      return undefined;
    }
  }

  /** @throws ConfigError if anything read so far was wrong. */
  assertUsable(source: string): void {
    if (this.problems.length > 0) throw new ConfigError(source, this.problems);
  }
}
