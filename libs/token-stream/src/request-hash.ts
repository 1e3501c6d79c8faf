import {
  newDelivery,
  type RequestRecord,
  type RequestState,
  type RequestStatus,
  type Terminal,
  type Usage,
  type WebhookDelivery,
} from "@expert-router/contracts";

/** What stands in the field `record`: it never changes, and is small. */
type FixedPart = Omit<RequestRecord, "body" | "continuable" | "exposed" | "webhook">;

/** The `meta` hash of a request. `record` holds what never changes; scripts read and write the rest. */
export function toRequestHash(
  record: RequestRecord,
  liveChannel: string | undefined,
): Record<string, string> {
  const { body, continuable, exposed, webhook, response, ...others } = record;
  const fixed: FixedPart = { ...others, response: response && { ...response, echo: {} } };
  return {
    status: "queued",
    kind: record.kind,
    endpoint: record.endpoint,
    expert: record.decision.expert,
    record: JSON.stringify(fixed),
    body: JSON.stringify(body),
    ...(response !== undefined && { echo: JSON.stringify(response.echo) }),
    continuable: continuable ? "1" : "0",
    exposed: exposed ? "1" : "0",
    live: liveChannel ?? "",
    // The response that follows begins with its messages.
    ...(record.response?.stored === true && { keepBody: "1" }),
    ...(record.keptMs !== undefined && { kept: String(record.keptMs) }),
    ...(webhook !== undefined && {
      webhook: JSON.stringify(webhook),
      delivery: JSON.stringify(newDelivery(webhook)),
    }),
  };
}

/** The request written in `hash`, or undefined where it holds none. */
export function fromRequestHash(hash: Readonly<Record<string, string>>): RequestState | undefined {
  if (hash["record"] === undefined) return undefined;
  const fixed = JSON.parse(hash["record"]) as FixedPart;
  const { response } = fixed;
  const echo = hash["echo"];
  return {
    ...fixed,
    // Left out where they are not asked for; the body is removed when the request ends.
    body: JSON.parse(hash["body"] ?? "{}") as Record<string, unknown>,
    ...(response !== undefined &&
      echo !== undefined && { response: { ...response, echo: JSON.parse(echo) as Record<string, unknown> } }),
    continuable: hash["continuable"] === "1",
    exposed: hash["exposed"] === "1",
    status: hash["status"] as RequestStatus,
    attempts: Number(hash["attempts"] ?? 0),
    refusals: Number(hash["refusals"] ?? 0),
    startedAtMs: hash["startedAtMs"] === undefined ? undefined : Number(hash["startedAtMs"]),
    finishedAtMs: hash["finishedAtMs"] === undefined ? undefined : Number(hash["finishedAtMs"]),
    usage: hash["usage"] === undefined ? undefined : (JSON.parse(hash["usage"]) as Usage),
    error: hash["error"] === undefined ? undefined : (JSON.parse(hash["error"]) as Terminal["error"]),
    delivery: hash["delivery"] === undefined ? undefined : (JSON.parse(hash["delivery"]) as WebhookDelivery),
  };
}

/** All fields but the body, and what a response says again of its request: both can be large. */
export const stateFields = [
  "record",
  "continuable",
  "exposed",
  "status",
  "attempts",
  "refusals",
  "startedAtMs",
  "finishedAtMs",
  "usage",
  "error",
  "delivery",
] as const;

/** A hash from Redis's flat reply `[field, value, …]`. */
export function hashFromPairs(pairs: readonly string[]): Record<string, string> {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) hash[pairs[i] as string] = pairs[i + 1] as string;
  return hash;
}
