import { resolve } from "node:path";
import { parseRedisUrl, RedisUrlError } from "@expert-router/contracts";
import { logLevels, type EnvironmentReader, type LogLevel } from "./environment.js";
import { loadSystemConfig, type LoadOptions, type SystemConfig } from "./system-config.js";

/** Where Redis is when nothing says otherwise: its own default. */
export const defaultRedisUrl = "redis://127.0.0.1:6379";

/** What every process of the system reads. */
export interface SharedSettings {
  readonly redisUrl: string;
  readonly logLevel: LogLevel;
  /** Time that the process may take to drain. */
  readonly drainTimeoutMs: number;
}

/** `REDIS_URL`, `LOG_LEVEL` and `DRAIN_TIMEOUT_MS`. */
export function readShared(reader: EnvironmentReader): SharedSettings {
  return {
    redisUrl: readRedisUrl(reader) ?? defaultRedisUrl,
    logLevel: readLogLevel(reader),
    // Everything has to be over 10 s after the signal; the rest is for the exit itself.
    drainTimeoutMs: reader.integer("DRAIN_TIMEOUT_MS", 0, 3_600_000) ?? 9_000,
  };
}

/** `LOG_LEVEL`. */
export function readLogLevel(reader: EnvironmentReader): LogLevel {
  return reader.oneOf("LOG_LEVEL", logLevels) ?? "info";
}

/** `REDIS_URL`, if set. */
export function readRedisUrl(reader: EnvironmentReader): string | undefined {
  const url = reader.text("REDIS_URL");
  if (url === undefined) return undefined;
  try {
    parseRedisUrl(url);
    return url;
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    // The value itself is not repeated: it may hold a password.
    reader.problems.push(`REDIS_URL: ${error.message}`);
    return undefined;
  }
}

/** The file that `EXPERT_ROUTER_CONFIG` names; undefined if it has problems, which are then in the reader. */
export function readSystem(reader: EnvironmentReader, options?: LoadOptions): SystemConfig | undefined {
  return reader.collect(() => loadSystemConfig(configPath(reader), options));
}

/** Absolute path of `EXPERT_ROUTER_CONFIG`. */
export function configPath(reader: EnvironmentReader): string {
  return resolve(reader.text("EXPERT_ROUTER_CONFIG") ?? "expert-router.yaml");
}

/** Absolute path of `EXPERT_ROUTER_DATA_DIR`. */
export function dataDir(reader: EnvironmentReader): string {
  return resolve(reader.text("EXPERT_ROUTER_DATA_DIR") ?? ".expert-router");
}
