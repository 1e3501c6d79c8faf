import type { ServerResponse } from "node:http";

/** `data: …` of one event. JSON text holds no line break, so one line is enough. */
export function sseData(json: string): string {
  return `data: ${json}\n\n`;
}

/** An event with an id and, unless it is a plain message, a name. */
export function sseEvent(id: string, json: string, name?: string): string {
  return `id: ${id}\n${name === undefined ? "" : `event: ${name}\n`}data: ${json}\n\n`;
}

/** A comment: keeps the connection alive, and clients skip it. */
export function sseComment(text: string): string {
  return `: ${text}\n\n`;
}

/** The end of an OpenAI stream that was completed. */
export const sseDone = "data: [DONE]\n\n";

/**
 * An event stream written to the response of a hijacked reply. Every write goes to the socket at once; the
 * framework has no part in it, which is what keeps a token at a few microseconds.
 */
export class SseResponse {
  private ended = false;

  constructor(
    private readonly response: ServerResponse,
    listeners: { readonly onDrain: () => void },
  ) {
    response.on("drain", listeners.onDrain);
  }

  /** Sends the status line and headers with the first bytes of the stream. */
  open(headers: Readonly<Record<string, string>>): void {
    this.response.socket?.setNoDelay(true);
    this.response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers,
    });
  }

  /** Sends the headers before there is anything to say. */
  flushHeaders(): void {
    this.response.flushHeaders();
  }

  /** False: the reader is slow; wait for `onDrain`. */
  write(text: string): boolean {
    return this.ended || this.response.write(text);
  }

  /** Ends the stream with its last bytes. */
  end(text: string): void {
    if (this.ended) return;
    this.ended = true;
    this.response.end(text);
  }
}
