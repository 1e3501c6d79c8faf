import { createHash } from "node:crypto";

/** Tenant of the requests on an open server that name no `user`. */
export const defaultTenant = "default";

/** Tenant of the requests that show an API key; `keySha256`: the key's SHA-256, hexadecimal in lower case. */
export function keyTenant(keySha256: string): string {
  return `key-${keySha256.slice(0, 16)}`;
}

/** Tenant of the requests on an open server that name a `user`; names may be long and secret, so it is hashed. */
export function userTenant(user: string): string {
  return `user-${createHash("sha256").update(user).digest("hex").slice(0, 16)}`;
}
