import { CodedError, type ErrorCode } from "@expert-router/contracts";

/** A code that blames the inference server, or the request in its words. */
export type EngineErrorCode = Extract<ErrorCode, `engine_${string}`>;

/** What went wrong at an inference server. `retryable` of its code says whether another attempt makes sense. */
export class EngineError extends CodedError {
  /** HTTP status the server gave, if it got that far. */
  readonly upstreamStatus: number | undefined;

  constructor(
    code: EngineErrorCode,
    message: string,
    options: {
      upstreamStatus?: number | undefined;
      param?: string | undefined;
      retryAfterS?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(code, message, options);
    this.upstreamStatus = options.upstreamStatus;
  }
}
