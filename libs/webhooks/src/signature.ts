import { createHmac } from "node:crypto";

const prefix = "whsec_";
/** What is signed. */
export interface SignedMessage {
  readonly id: string;
  /** Unix seconds of this attempt. */
  readonly timestampS: number;
  readonly payload: string;
}

/** The headers of Standard Webhooks: id, timestamp, and an HMAC-SHA256 of both and the payload. */
export function signedHeaders(
  { id, timestampS, payload }: SignedMessage,
  secret: string,
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestampS}.${payload}`).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestampS),
    "webhook-signature": `v1,${signature}`,
  };
}
