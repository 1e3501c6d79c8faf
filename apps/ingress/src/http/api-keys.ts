import { createHash, timingSafeEqual } from "node:crypto";
import { CodedError, defaultTenant, keyTenant } from "@expert-router/contracts";

/** The keys that clients may show. */
export class ApiKeys {
  private readonly hashes: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.hashes = keys.map(sha256);
  }

  /** Without keys everybody may come in. */
  get required(): boolean {
    return this.hashes.length > 0;
  }

  /**
   * The tenant of a request: derived from its key, or `default` where none is required.
   * @throws CodedError `invalid_api_key`
   */
  tenant(authorization: string | undefined): string {
    if (!this.required) return defaultTenant;
    const key = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (key === undefined) {
      throw new CodedError(
        "invalid_api_key",
        "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.",
      );
    }
    const hash = sha256(key);
    // All keys are compared, each in constant time: the answer's time tells nothing.
    let known = false;
    for (const candidate of this.hashes) known = timingSafeEqual(candidate, hash) || known;
    if (!known) throw new CodedError("invalid_api_key", "Incorrect API key provided.");
    return keyTenant(hash.toString("hex"));
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
