import { createHash } from "node:crypto";
import { CodedError } from "@expert-router/contracts";
import type { FastifyRequest } from "fastify";

/** The header in which a client names its request, so that sending it again is no second request. */
export const idempotencyKeyHeader = "idempotency-key";

/** Says that the answer was made for an earlier request with the same key. */
export const replayedHeader = "idempotent-replayed";

/** Printable ASCII. */
const keyPattern = /^[\x20-\x7e]{1,255}$/;

/**
 * The key of a request, if it has one.
 * @throws CodedError `invalid_value`
 */
export function readIdempotencyKey({ headers }: Pick<FastifyRequest, "headers">): string | undefined {
  const key = headers[idempotencyKeyHeader];
  if (key === undefined) return undefined;
  if (typeof key === "string" && keyPattern.test(key)) return key;
  const message = "Invalid value for 'Idempotency-Key': expected 1 to 255 printable ASCII characters.";
  throw new CodedError("invalid_value", message, { param: "Idempotency-Key" });
}

/** Tells one request from another: a hash of its route and of its content, whatever the order of the content's keys. */
export function fingerprintOf(route: string, content: unknown): string {
  return createHash("sha256")
    .update(`${route}\n${canonicalJson(content)}`)
    .digest("hex");
}

function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, entry: unknown) =>
      typeof entry === "object" && entry !== null && !Array.isArray(entry)
        ? Object.fromEntries(Object.entries(entry).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : entry,
    ) ?? ""
  );
}
