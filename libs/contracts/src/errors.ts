/** What a coded error means to a client and to a scheduler. */
export interface ErrorDefinition {
  /** HTTP status of the answer. */
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** Raised by load, not by a fault: dropping the request is the right answer to it. */
  readonly sheddable: boolean;
}

const invalid = { status: 400, type: "invalid_request_error", retryable: false, sheddable: false } as const;
const limited = { status: 429, type: "rate_limit_error", retryable: true, sheddable: true } as const;
const upstream = { status: 502, type: "upstream_error", retryable: true, sheddable: false } as const;
const unavailable = { status: 503, type: "service_unavailable", retryable: true, sheddable: false } as const;

/** Every error the system gives, by the `code` a client reads. docs/errors.md lists exactly these. */
export const errorTable = {
  invalid_json: invalid,
  invalid_value: invalid,
  missing_required_parameter: invalid,
  invalid_request: invalid,
  unsupported_parameter: invalid,
  previous_response_not_found: invalid,
  response_not_cancellable: invalid,
  invalid_api_key: { ...invalid, status: 401, type: "authentication_error" },
  not_found: { ...invalid, status: 404 },
  model_not_found: { ...invalid, status: 404 },
  job_not_found: { ...invalid, status: 404 },
  response_not_found: { ...invalid, status: 404 },
  file_not_found: { ...invalid, status: 404 },
  batch_not_found: { ...invalid, status: 404 },
  method_not_allowed: { ...invalid, status: 405 },
  job_already_finished: { ...invalid, status: 409 },
  batch_already_finished: { ...invalid, status: 409 },
  file_in_use: { ...invalid, status: 409 },
  idempotency_key_in_use: { ...invalid, status: 409, retryable: true },
  idempotency_key_reused: { ...invalid, status: 422 },
  request_too_large: { ...invalid, status: 413 },
  file_too_large: { ...invalid, status: 413 },
  unsupported_media_type: { ...invalid, status: 415 },
  request_incomplete: { ...invalid, status: 408, retryable: true },
  headers_too_large: { ...invalid, status: 431 },
  engine_rejected: invalid,
  queue_full: limited,
  tenant_queue_full: limited,
  deadline_unmeetable: limited,
  tenant_store_full: limited,
  request_cancelled: { status: 499, type: "request_cancelled", retryable: false, sheddable: false },
  internal_error: { status: 500, type: "server_error", retryable: true, sheddable: false },
  engine_error: upstream,
  engine_unreachable: { ...upstream, status: 503 },
  expert_unavailable: unavailable,
  router_overloaded: { ...unavailable, sheddable: true },
  engine_overloaded: { ...upstream, status: 503, sheddable: true },
  engine_timeout: { ...upstream, status: 504 },
  engine_protocol_error: upstream,
  stream_interrupted: { ...upstream, retryable: false },
  answer_too_long: { ...upstream, retryable: false },
  attempts_exhausted: { ...upstream, retryable: false },
  deadline_exceeded: { status: 504, type: "timeout_error", retryable: false, sheddable: true },
  queue_timeout: { status: 504, type: "timeout_error", retryable: true, sheddable: true },
  run_timeout: { ...upstream, status: 504, retryable: false },
  store_full: { ...unavailable, sheddable: true },
  redis_unavailable: unavailable,
  file_store_unavailable: unavailable,
  shutting_down: unavailable,
} as const satisfies Record<string, ErrorDefinition>;

/** A code of the {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable;

/** Whether `code` stands in the {@link errorTable}. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** The JSON body of an error answer, in OpenAI's shape. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** An error of the world (not of our code): it has a code, and the message is fit for the client to read. */
export class CodedError extends Error {
  override readonly name = "CodedError";
  readonly code: ErrorCode;
  /** The request field at fault, as `messages[0].content`. */
  readonly param: string | null;
  /** Seconds after which trying again makes sense; becomes the `retry-after` header. */
  readonly retryAfterS: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { param?: string | undefined; retryAfterS?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterS = options.retryAfterS;
  }

  /** Status, type, retryable and sheddable of this error's code. */
  get definition(): ErrorDefinition {
    return errorTable[this.code];
  }

  /** This error as the body of an HTTP answer or of an in-stream error event. */
  toBody(): ErrorBody {
    return {
      error: { message: this.message, type: this.definition.type, param: this.param, code: this.code },
    };
  }
}
