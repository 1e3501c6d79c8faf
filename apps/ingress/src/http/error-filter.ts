import { CodedError } from "@expert-router/contracts";
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isUpload } from "./front-door.js";
import { methodsOf } from "../system/openapi-paths.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { discardBody, discardedOfUpload } from "./discard-body.js";
import { retryAfterS, toCodedError } from "./error-answer.js";

/** Answers everything that is thrown with OpenAI's error body. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(@Inject(INGRESS_CONTEXT) private readonly context: IngressContext) {}

  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = this.withRoute(toCodedError(thrown), request, reply);
    this.context.metrics.errors.inc({ code: error.code });
    if (error.code === "internal_error") {
      this.context.logger.error({ requestId: request.id, err: thrown }, "a request failed unexpectedly");
    }
    if (error.code === "request_too_large") await discardBody(request.raw);
    // An upload may be refused for any reason while it still comes.
    else if (isUpload(request)) await discardBody(request.raw, discardedOfUpload);
    if (reply.sent) return void reply.raw.destroy();
    const retryAfter = retryAfterS(error);
    if (retryAfter !== undefined) reply.header("retry-after", retryAfter);
    if (error.retryAfterS !== undefined) reply.header("retry-after-ms", Math.ceil(error.retryAfterS * 1_000));
    void reply.code(error.definition.status).send(error.toBody());
  }

  /** A path that exists under another method is a 405; an unknown one is named. */
  private withRoute(error: CodedError, request: FastifyRequest, reply: FastifyReply): CodedError {
    if (error.code !== "not_found" || !request.is404) return error;
    const path = request.url.split("?", 1)[0]!;
    const methods = methodsOf(path);
    if (methods.length === 0)
      return new CodedError("not_found", `Unknown request URL: ${request.method} ${path.slice(0, 200)}.`);
    reply.header("allow", methods.join(", "));
    return new CodedError(
      "method_not_allowed",
      `${request.method} is not allowed here; use ${methods.join(" or ")}.`,
    );
  }
}
