import type { ServerResponse } from "node:http";
import { Socket } from "node:net";

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

/** Bytes that wait for a reader before it is called slow; each reader that stands still costs as much, and one chunk. */
const patientBytes = 65_536;

/**
 * An event stream written to the response of a hijacked reply. The framework has no part in it, and where the
 * response owns its socket, neither has Node's chunked encoding: it costs four buffers and a gathered write a
 * chunk, we frame a chunk as one string.
 */
export class SseResponse {
  private ended = false;
  /** Set while chunks are framed here. */
  private socket: Socket | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly listeners: { readonly onDrain: () => void },
  ) {}

  /** Sends the status line and headers, together with what is written in the same turn. */
  open(headers: Readonly<Record<string, string>>): void {
    const { response } = this;
    const socket: unknown = response.socket;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers,
    });
    if (socket instanceof Socket) {
      socket.setNoDelay(true);
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    response.flushHeaders();
    // A response behind another one of a pipelining client has no socket yet, and HTTP/1.0 knows no chunks.
    if (socket instanceof Socket && response.chunkedEncoding) {
      this.socket = socket;
      socket.on("drain", this.listeners.onDrain);
      response.once("close", () => socket.off("drain", this.listeners.onDrain));
    } else {
      response.on("drain", this.listeners.onDrain);
    }
  }

  /** The reader is slow: something waits to be sent. */
  get isBehind(): boolean {
    return (this.socket ?? this.response).writableNeedDrain;
  }

  /** False: the reader is slow; wait for `onDrain`. */
  write(text: string): boolean {
    if (this.ended) return true;
    if (this.socket === undefined) return this.response.write(text);
    // What the kernel took at once still counts until the end of this turn, so a large chunk alone is no sign of slowness.
    return this.socket.write(chunk(text)) || this.socket.writableLength < patientBytes;
  }

  /** Ends the stream with its last bytes. */
  end(text: string): void {
    if (this.ended) return;
    this.ended = true;
    if (this.socket === undefined) return void this.response.end(text);
    this.socket.cork();
    if (text !== "") this.socket.write(chunk(text));
    this.response.end();
    this.socket.uncork();
  }
}

/** One chunk of HTTP's chunked transfer coding. */
function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
