import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import type { AnswerSink } from "./generation.js";
import type { WireText } from "./wire-text.js";

/**
 * A stream of server-sent events. The head goes out with the first of them. Chunks are framed here and written to the
 * socket in one piece: `response.write` would hand the kernel four pieces, which costs half as much again a token.
 */
export class StreamSink implements AnswerSink {
  private readonly response: ServerResponse;
  /** Undefined where node has to write: HTTP/1.0 has no chunks, and a pipelined response has no socket yet. */
  private readonly socket: Socket | undefined;

  constructor(response: ServerResponse) {
    this.response = response;
    this.socket = response.req.httpVersion === "1.1" ? (response.socket ?? undefined) : undefined;
  }

  get blocked(): boolean {
    return (this.socket ?? this.response).writableNeedDrain;
  }

  write(text: WireText): void {
    this.send(text, false);
  }

  end(text: WireText): void {
    this.send(text, true);
  }

  cut(inside: WireText = ""): void {
    const { socket, response } = this;
    if (inside === "") {
      response.destroy();
      return;
    }
    if (!response.headersSent) this.send("", false);
    const frame = socket === undefined ? "" : `${(inside.length + 100).toString(16)}\r\n`;
    const writer: Writable = socket ?? response;
    writer.write(frame + inside, "latin1", () => response.destroy());
  }

  private send(text: WireText, last: boolean): void {
    const { socket, response } = this;
    const several = last || !response.headersSent;
    if (several) socket?.cork();
    if (!response.headersSent) {
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
      });
      response.flushHeaders();
    }
    if (socket === undefined) response.write(text, "latin1");
    else if (text !== "") socket.write(`${text.length.toString(16)}\r\n${text}\r\n`, "latin1");
    if (last) response.end();
    if (several) socket?.uncork();
  }
}

/** An answer in one piece, made when the time it takes has passed. */
export class WholeSink implements AnswerSink {
  readonly blocked = false;
  private readonly response: ServerResponse;
  private readonly answer: () => unknown;

  constructor(response: ServerResponse, answer: () => unknown) {
    this.response = response;
    this.answer = answer;
  }

  write(): void {}

  end(text: WireText): void {
    const failed = text !== "";
    const body = failed
      ? { error: { message: "injected fault", type: "InternalServerError", param: null, code: 500 } }
      : this.answer();
    sendJson(this.response, failed ? 500 : 200, body);
  }

  cut(): void {
    this.response.destroy();
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
