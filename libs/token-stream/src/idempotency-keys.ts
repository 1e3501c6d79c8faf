/** What a client's Idempotency-Key is asked to stand for. */
export interface KeyClaim {
  readonly tenant: string;
  readonly key: string;
  /** Tells the request from any other one: a hash of route and body. */
  readonly fingerprint: string;
  /** Id of the work if the key stands for none yet. */
  readonly id: string;
  /** Names who asks, once; asking again with it changes nothing. */
  readonly owner: string;
  /** How long the key is remembered. */
  readonly ttlMs: number;
  /** The work that the key stands for is over and forgotten, or was never made, so `id` takes its place, for this request. */
  readonly replaces?: string | undefined;
}

/**
 * What a claim came to. `mine`: do the work under `id`; where that is not the one proposed, somebody before may have done a
 * part of it. `busy`: somebody is doing it. `made`: it is done. `other`: the key stands for another request; `id` names its
 * work unless somebody is doing it.
 */
export type ClaimResult =
  | { readonly state: "mine"; readonly id: string }
  | { readonly state: "made"; readonly id: string }
  | { readonly state: "busy" }
  | { readonly state: "other"; readonly id?: string };

/**
 * Which work each Idempotency-Key stands for. Who claims a key owns it until the work is made, for a lease: a process that
 * dies in between locks nothing, and its id is carried on by the next one.
 */
export interface IdempotencyKeys {
  claim(claim: KeyClaim): Promise<ClaimResult>;
  /** The work is there for everybody. */
  made(claim: KeyClaim): Promise<void>;
  /** The work was refused: the key is free. Nothing happens if the claim is not `claim.owner`'s any more. */
  release(claim: KeyClaim): Promise<void>;
}
