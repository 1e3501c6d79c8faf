import type { ServerResponse } from "node:http";
import type { AnswerSink } from "./generation.js";
import type { WireText } from "./wire-text.js";

/** A stream of server-sent events. The head goes out with the first bytes, as TTFT is measured from either. */
export class StreamSink implements AnswerSink {
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  get blocked(): boolean {
    return this.response.writableNeedDrain;
  }

  write(text: WireText): void {
    this.begin();
    this.response.write(text, "latin1");
  }

  end(text: WireText): void {
    this.begin();
    this.response.end(text, "latin1");
  }

  cut(): void {
    this.response.destroy();
  }

  private begin(): void {
    if (this.response.headersSent) return;
    this.response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
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
    const body = failed ? { error: { message: "injected fault", type: "InternalServerError", param: null, code: 500 } } : this.answer();
    sendJson(this.response, failed ? 500 : 200, body);
  }

  cut(): void {
    this.response.destroy();
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers });
  response.end(text);
}
