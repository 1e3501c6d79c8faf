const secretKeys = new Set(["apiKey", "apiKeys", "webhookSecret"]);

/** A copy that is fit to print: keys are hidden and so are passwords in URLs. */
export function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value === "string") return maskedUrl(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      secretKeys.has(key) ? maskedSecret(entry) : masked(entry),
    ]),
  );
}

function maskedSecret(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskedSecret);
  return value === undefined ? undefined : "***";
}

/** `redis://user:***@host?***` from `redis://user:secret@host?password=secret`; any other text as it is. */
export function maskedUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#@]*):.*@/i, "$1:***@")
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^?]*)\?.*$/i, "$1?***");
}
