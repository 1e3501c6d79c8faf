import { join } from "node:path";
import { EnvironmentReader, type Environment } from "./environment.js";
import { readFrontDoor, type IngressSettings } from "./ingress-settings.js";
import {
  configPath,
  dataDir,
  readLogLevel,
  readRedisUrl,
  readSystem,
  type SharedSettings,
} from "./shared-settings.js";
import type { SystemConfig } from "./system-config.js";

/** What `expert-router up` and `expert-router doctor` need to know. */
export interface CommandSettings
  extends Pick<SharedSettings, "logLevel">, Pick<IngressSettings, "host" | "port" | "apiKeys" | "dataDir"> {
  /** `REDIS_URL`; undefined where the command has to provide Redis itself. */
  readonly redisUrl?: string | undefined;
  readonly system: SystemConfig;
}

/**
 * Reads the environment and expert-router.yaml.
 * @throws ConfigError with every problem of both.
 */
export function readCommandSettings(env: Environment = process.env): CommandSettings {
  const reader = new EnvironmentReader(env);
  const settings = {
    logLevel: readLogLevel(reader),
    redisUrl: readRedisUrl(reader),
    ...readFrontDoor(reader),
    dataDir: dataDir(reader),
  };
  const system = readSystem(reader);
  reader.assertUsable("The system cannot start");
  return { ...settings, system: system as SystemConfig };
}

/** Address of the ingress that `HOST` and `PORT` name, and the first key it accepts: what a client command needs. */
export function readClientSettings(env: Environment = process.env): {
  readonly url: string;
  readonly apiKey?: string | undefined;
} {
  const reader = new EnvironmentReader(env);
  const host = reader.text("HOST") ?? "127.0.0.1";
  const port = reader.integer("PORT", 1, 65_535) ?? 3_000;
  const apiKey = reader.text("EXPERT_ROUTER_API_KEYS")?.split(",")[0]?.trim();
  reader.assertUsable("The ingress cannot be addressed");
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, apiKey };
}

/** Where sentence encoders come from and where they are kept. */
export interface ModelSettings {
  /** `HF_ENDPOINT`. */
  readonly endpoint: string;
  /** `HF_TOKEN`. */
  readonly token?: string | undefined;
  /** `models` in `EXPERT_ROUTER_DATA_DIR`. */
  readonly folder: string;
}

/** What `expert-router models` needs to know. @throws ConfigError */
export function readModelSettings(env: Environment = process.env): ModelSettings {
  const reader = new EnvironmentReader(env);
  const endpoint = reader.url("HF_ENDPOINT", ["http:", "https:"]) ?? "https://huggingface.co";
  const token = reader.text("HF_TOKEN");
  const folder = join(dataDir(reader), "models");
  reader.assertUsable("The model hub cannot be addressed");
  return { endpoint, token, folder };
}

/** Where expert-router.yaml is expected: `EXPERT_ROUTER_CONFIG` or the working folder. */
export function systemConfigPath(env: Environment = process.env): string {
  return configPath(new EnvironmentReader(env));
}

/** This process's environment for a child, with `overrides`; undefined removes a variable. */
export function childEnvironment(
  overrides: Environment,
  env: Environment = process.env,
): Record<string, string> {
  const entries = Object.entries({ ...env, ...overrides });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
