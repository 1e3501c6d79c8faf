import { createHash } from "node:crypto";

/** API keys of the two tenants of a scenario. */
export const keys = { a: "sk-scenario-tenant-a", b: "sk-scenario-tenant-b" } as const;

/** The environment of an ingress that knows both. */
export const keysEnv = { EXPERT_ROUTER_API_KEYS: Object.values(keys).join(",") };

/** `scheduling.tenants[]` of the tenant behind `key`. */
export function weighted(key: string, weight: number): Record<string, unknown> {
  return { key_sha256: createHash("sha256").update(key).digest("hex"), weight };
}
