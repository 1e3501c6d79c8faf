import { isWebhookSecret } from "@expert-router/contracts";
import { EnvironmentReader, type Environment } from "./environment.js";
import { isLoopback } from "./loopback.js";
import { dataDir, readShared, readSystem, type SharedSettings } from "./shared-settings.js";
import type { SystemConfig } from "./system-config.js";

/** What an ingress process needs to know. */
export interface IngressSettings extends SharedSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Keys that clients must show one of; empty: open, possible on loopback only. */
  readonly apiKeys: string[];
  /** Signs the webhooks of jobs that bring no secret; undefined: each has to. */
  readonly webhookSecret?: string | undefined;
  /** Absolute path of the folder for files. */
  readonly dataDir: string;
  readonly system: SystemConfig;
}

/**
 * Reads the environment and expert-router.yaml.
 * @throws ConfigError with every problem of both.
 */
export function readIngressSettings(env: Environment = process.env): IngressSettings {
  const reader = new EnvironmentReader(env);
  const settings = {
    ...readShared(reader),
    ...readFrontDoor(reader),
    dataDir: dataDir(reader),
    webhookSecret: readWebhookSecret(reader),
  };
  const system = readSystem(reader);
  reader.assertUsable("The ingress cannot start");
  return { ...settings, system: system as SystemConfig };
}

/** `EXPERT_ROUTER_WEBHOOK_SECRET` */
function readWebhookSecret(reader: EnvironmentReader): string | undefined {
  const secret = reader.text("EXPERT_ROUTER_WEBHOOK_SECRET");
  if (secret === undefined || isWebhookSecret(secret)) return secret;
  reader.problems.push("EXPERT_ROUTER_WEBHOOK_SECRET: expected 'whsec_' and 24 to 64 bytes in base64");
  return undefined;
}

/** `HOST`, `PORT` and `EXPERT_ROUTER_API_KEYS`. */
export function readFrontDoor(reader: EnvironmentReader): Pick<IngressSettings, "host" | "port" | "apiKeys"> {
  const host = reader.text("HOST") ?? "127.0.0.1";
  const apiKeys = splitKeys(reader.text("EXPERT_ROUTER_API_KEYS"));
  if (apiKeys.length === 0 && !isLoopback(host)) {
    reader.problems.push(
      `HOST: '${host}' can be reached from other machines, so EXPERT_ROUTER_API_KEYS must hold at least one key`,
    );
  }
  return { host, port: reader.integer("PORT", 0, 65_535) ?? 3_000, apiKeys };
}

function splitKeys(list: string | undefined): string[] {
  const keys = (list ?? "").split(",").map((key) => key.trim());
  return [...new Set(keys.filter((key) => key !== ""))];
}
