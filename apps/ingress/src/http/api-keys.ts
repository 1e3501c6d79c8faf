import { createHash, timingSafeEqual } from "node:crypto";
import { CodedError } from "@expert-router/contracts";

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
    if (!this.required) return "default";
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
    return `key-${hash.toString("hex", 0, 8)}`;
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
