/** What went wrong with a router artifact, its training data or its use. */
export type RouterErrorCode =
  | "artifact_missing"
  | "artifact_invalid"
  | "artifact_corrupt"
  | "artifact_unsupported"
  | "artifact_unwritable"
  | "policy_mismatch"
  | "training_data_invalid"
  | "training_data_insufficient";

/** An error of an artifact, a policy or a data set; the message says what to do about it. */
export class RouterError extends Error {
  override readonly name = "RouterError";
  readonly code: RouterErrorCode;

  constructor(code: RouterErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
