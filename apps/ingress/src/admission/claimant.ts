import { createHash } from "node:crypto";
import type { RequestRecord } from "@expert-router/contracts";

/** Names a client and its request, so that the queue knows them when they come back. Costs a pass over the body. */
export function claimantOf({ tenant, endpoint, body }: RequestRecord): string {
  const text = JSON.stringify([tenant, endpoint, body]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
