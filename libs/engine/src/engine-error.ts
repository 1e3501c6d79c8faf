import { CodedError, type ErrorCode } from "@expert-router/contracts";

/** What went wrong at an inference server. `retryable` of its code says whether another attempt makes sense. */
export class EngineError extends CodedError {
  /** HTTP status the server gave, if it got that far. */
  readonly upstreamStatus: number | undefined;

  constructor(
    code: Extract<ErrorCode, `engine_${string}`>,
    message: string,
    options: { upstreamStatus?: number | undefined; retryAfterS?: number | undefined; cause?: unknown } = {},
  ) {
    super(code, message, options);
    this.upstreamStatus = options.upstreamStatus;
  }
}
