import { maxHeaderSize, STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CodedError } from "@expert-router/contracts";

/**
 * Answers what Node's HTTP parser refuses, before there is a request that a route could answer: with an error body as all others, and the
 * end of the connection. Only a request without `Host`, or with an unknown `Expect`, gets Node's own answer, which has no body.
 */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  // There is nobody left to tell.
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (socket.writable && !isAnswering(socket)) socket.write(answerTo(error));
  socket.destroy(error);
}

/** Whether an answer to an earlier request is under way, of which ours would become a part. Node's own handler asks the same. */
function isAnswering(socket: Socket): boolean {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true;
}

function answerTo(error: NodeJS.ErrnoException): string {
  const coded = codedError(error);
  const { status } = coded.definition;
  const body = JSON.stringify(coded.toBody());
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

function codedError({ code }: NodeJS.ErrnoException): CodedError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new CodedError("request_incomplete", "The request did not come to its end in time.");
  if (code === "HPE_HEADER_OVERFLOW")
    return new CodedError(
      "headers_too_large",
      `The headers of the request are larger than ${maxHeaderSize / 1_024} KB.`,
    );
  return new CodedError("invalid_request", "This is no HTTP request that the server understands.");
}
