import type { IncomingMessage } from "node:http";
import { RequestError } from "./request-error.js";

const maxBodyBytes = 16 * 1024 * 1024;

/** The JSON object in a request's body. Throws a {@link RequestError} where there is none. */
export async function readJsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBodyBytes) throw new RequestError(413, `the body is larger than ${maxBodyBytes} bytes`);
    parts.push(part);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (error) {
    throw new RequestError(400, `the body is not JSON: ${(error as Error).message}`);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new RequestError(400, "the body must be a JSON object");
  return body as Record<string, unknown>;
}
