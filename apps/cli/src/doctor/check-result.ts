/** `warn`: works, but look at it. `skip`: could not be examined because of something above it. */
export type CheckStatus = "ok" | "warn" | "fail" | "skip";

/** What one check of the doctor found. */
export interface CheckResult {
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found, and what to do about it. */
  readonly detail: string;
}
