import type { IncomingMessage } from "node:http";
import { CodedError, newRequestId } from "@expert-router/contracts";
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from "fastify";
import type { IngressContext } from "../wiring/ingress-options.js";
import { ApiKeys } from "./api-keys.js";
import { refuseConnection } from "./client-error.js";
import { shuttingDown, toCodedError } from "./error-answer.js";
import { forbiddenKey, isJson, refuseDeepNesting } from "./json-body.js";
import "./tenant.js";

/** Time in which a client must have sent its whole request. */
const requestTimeoutMs = 60_000;
/** The same for an upload, of which also no minute may bring nothing. */
const uploadTimeoutMs = 3_600_000;
const uploadRoute = "/v1/files";

/** Fastify's options of the ingress. */
export function fastifyOptions(bodyLimitBytes: number): FastifyServerOptions {
  return {
    bodyLimit: bodyLimitBytes,
    requestTimeout: uploadTimeoutMs,
    // The id of the HTTP request is the id of what it asks for.
    genReqId: () => newRequestId(),
    logger: false,
    frameworkErrors: refuseUrl,
    clientErrorHandler: refuseConnection,
    routerOptions: { maxParamLength: 200 },
  };
}

/** What happens to every request before its route: id, drain, key, JSON; and the counting of answers. */
export function installFrontDoor(fastify: FastifyInstance, context: IngressContext): void {
  const { lifecycle, settings, metrics } = context;
  const keys = new ApiKeys(settings.apiKeys);
  fastify.decorateRequest("tenant", "default");
  fastify.decorateRequest("bodyBytes", 0);
  fastify.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    // The pattern of the route, not the URL: percent-encoding must not open a side door.
    if (request.routeOptions.url?.startsWith("/v1/") !== true) return done();
    try {
      if (lifecycle.state !== "ready" && lifecycle.state !== "starting") {
        reply.header("connection", "close");
        throw shuttingDown();
      }
      request.tenant = keys.tenant(request.headers.authorization);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addHook("preParsing", (request, _reply, _payload, done) => {
    if (!isUpload(request)) endLateBody(request.raw);
    done(packedBody(request.headers["content-encoding"]));
  });
  fastify.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "unknown";
    metrics.httpRequests.inc({ method: request.method, route, status: String(reply.raw.statusCode) });
    metrics.httpSeconds.observe({ method: request.method, route }, reply.elapsedTime / 1_000);
    done();
  });
  installJsonParser(fastify);
  installFormParser(fastify);
}

/** Whether the route reads the body itself, piece by piece. */
export function isUpload(request: FastifyRequest): boolean {
  return request.method === "POST" && request.routeOptions.url === uploadRoute;
}

/** What is said of a body that was packed for the way: its size could not be bounded before it is unpacked. */
function packedBody(encoding: string | undefined): CodedError | undefined {
  if (encoding === undefined || encoding === "identity") return undefined;
  const message = "A 'content-encoding' of requests is not supported; send the body as it is.";
  return new CodedError("unsupported_media_type", message);
}

/** Cuts off a client that does not finish its body in time. */
function endLateBody(request: IncomingMessage): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), requestTimeoutMs);
  timer.unref();
  request.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}

/** Leaves the form of an upload to its route, which reads it piece by piece; no other route takes one. */
function installFormParser(fastify: FastifyInstance): void {
  fastify.addContentTypeParser("multipart/form-data", (request, _payload, done) => {
    if (isUpload(request)) return done(null, undefined);
    done(toCodedError({ statusCode: 415 }), undefined);
  });
}

function installJsonParser(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser("error", "error");
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    const text = body as string;
    request.bodyBytes = text.length;
    // Some clients name a content type on a POST without a body, as cancel is.
    if (text === "") return done(null, undefined);
    try {
      refuseDeepNesting(text);
    } catch (error) {
      return done(error as Error, undefined);
    }
    void parseJson(request, text, (error, value) =>
      // What is JSON all the same was refused for one of its keys.
      done(error !== null && isJson(text) ? forbiddenKey() : error, value),
    );
  });
}

/** Answers what the router itself refuses, before any hook: a URL that cannot be decoded, or is too long. */
function refuseUrl(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const error = new CodedError("invalid_request", "The request URL could not be understood.");
  void reply.code(error.definition.status).header("x-request-id", request.id).send(error.toBody());
}
