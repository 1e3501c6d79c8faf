/** A request that the simulator refuses, with the HTTP status and the request field at fault. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  readonly param: string | null;
  /** Seconds for a `retry-after` header. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, message: string, param: string | null = null, retryAfterS?: number) {
    super(message);
    this.status = status;
    this.param = param;
    this.retryAfterS = retryAfterS;
  }

  /** OpenAI's error object, with the status as code, as vLLM writes it. */
  toBody(): { error: { message: string; type: string; param: string | null; code: number } } {
    return {
      error: {
        message: this.message,
        type: errorTypes.get(this.status) ?? "InternalServerError",
        param: this.param,
        code: this.status,
      },
    };
  }
}

const errorTypes = new Map([
  [400, "BadRequestError"],
  [404, "NotFoundError"],
  [405, "MethodNotAllowed"],
  [413, "RequestEntityTooLarge"],
  [429, "TooManyRequests"],
  [503, "ServiceUnavailable"],
]);
