export {
  maxDeadLetters,
  RedisDeadLetters,
  type DeadLetterOptions,
  type ReplayClaim,
} from "./redis-dead-letters.js";
export { RedisOpenJobs } from "./redis-open-jobs.js";
export { RedisRequestStore, type Retention } from "./redis-request-store.js";
export { RedisFollowerRegistry } from "./redis-follower-registry.js";
export { RedisStoredBytes, type TenantTotal } from "./redis-stored-bytes.js";
export { RedisTokenFollower, type FollowerOptions } from "./redis-token-follower.js";
export { RedisTokenPublisher, type PublisherOptions } from "./redis-token-publisher.js";
export { RedisIdempotencyKeys } from "./redis-idempotency-keys.js";
export type { ClaimResult, IdempotencyKeys, KeyClaim } from "./idempotency-keys.js";
export { LogWriteFailed } from "./token-log.js";
export type {
  AttemptWriter,
  FollowOptions,
  Following,
  JobRange,
  OpenJobs,
  OpenedAttempt,
  RequestStore,
  TokenFollower,
  TokenPublisher,
  TokenSink,
} from "./token-log.js";
