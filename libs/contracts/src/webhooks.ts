/** Who is told that a request has ended. */
export interface WebhookTarget {
  readonly url: string;
  /** `whsec_…`; undefined: the operator's. */
  readonly secret?: string | undefined;
}

/** One attempt at delivering a webhook. */
export interface WebhookTry {
  /** Unix time in ms. */
  readonly atMs: number;
  /** HTTP status of the answer; undefined: there was none. */
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly durationMs: number;
}

/** How a webhook's delivery stands. It holds no secret: clients see it. */
export interface WebhookDelivery {
  /** Without what may be secret in it. */
  readonly url: string;
  /** `waiting`: for the end of the request, or for the next attempt. */
  readonly status: "waiting" | "delivered" | "failed";
  readonly attempts: number;
  /** The last ones, oldest first. */
  readonly tries: readonly WebhookTry[];
}

/** The delivery of a webhook that nobody has tried yet. */
export function newDelivery({ url }: WebhookTarget): WebhookDelivery {
  return { url: withoutQuery(url), status: "waiting", attempts: 0, tries: [] };
}

/** Tokens of receivers are often in the query. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "");
}

/** What Standard Webhooks recommends. */
const secretBytes = { least: 24, most: 64 } as const;

/**
 * Whether `secret` is a signing secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in padded base64. What decoders read in
 * different ways, such as a length that is cut off, is none: the receiver's library might sign with other bytes than we do.
 */
export function isWebhookSecret(secret: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]{1,88}={0,2})$/.exec(secret)?.[1];
  if (encoded === undefined) return false;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return false;
  return bytes.length >= secretBytes.least && bytes.length <= secretBytes.most;
}
