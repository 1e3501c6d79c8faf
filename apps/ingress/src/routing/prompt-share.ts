import { createHash } from "node:crypto";

/** Who asks, as far as it decides which version of the router answers. */
export interface RequestOrigin {
  /** Id of the request. */
  readonly id: string;
  readonly tenant: string;
  /** The `user` field of the body. */
  readonly user?: string | undefined;
}

/**
 * A number from 0 to 1, below 1, that is the same for the same user of the same tenant, on every replica and for every
 * deployment; without a user, for the same request. A version that decides for the numbers below 0.05 still decides for the
 * same ones when its share grows to 0.1.
 */
export function shareOf({ id, tenant, user }: RequestOrigin): number {
  const key = user === undefined || user === "" ? id : JSON.stringify([tenant, user]);
  return createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32;
}
