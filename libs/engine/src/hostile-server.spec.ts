/** Servers that send what no inference server should: each is told from the others, and none makes this process grow. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createEngine } from "./create-engine.js";
import type { InferenceEngine } from "./inference-engine.js";

let server: Server | undefined;
let engine: InferenceEngine | undefined;
/** Bytes that the server could get rid of. */
let sent = 0;

afterEach(async () => {
  await engine?.close();
  server?.close();
});

/** Calls a server that answers each connection with `speak`; the code of the failure. */
async function ask(speak: (socket: Socket) => void): Promise<unknown> {
  sent = 0;
  const listening = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => speak(socket));
  }).listen(0, "127.0.0.1");
  server = listening;
  await new Promise((resolve) => listening.once("listening", resolve));
  engine = createEngine({
    kind: "vllm",
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    model: "m",
    firstTokenTimeoutMs: 3_000,
    interTokenTimeoutMs: 3_000,
    maxConnections: 1,
  });
  const call = { endpoint: "/v1/chat/completions", body: { messages: [] } } as const;
  try {
    for await (const events of engine.generate(call, new AbortController().signal)) void events;
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return "no failure";
}

/** Writes `part` for as long as the other side takes it, up to 256 MiB. */
function pour(socket: Socket, part: Buffer): void {
  const more = (): void => {
    if (socket.destroyed || sent >= 256 * 1024 * 1024) return void socket.destroy();
    sent += part.length;
    if (socket.write(part)) setImmediate(more);
    else socket.once("drain", more);
  };
  more();
}

const head = (type: string, more = ""): string => `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${more}\r\n`;
const sse = "text/event-stream";
const megabyte = Buffer.alloc(1024 * 1024, "x");
/** What our 4 MiB and the buffers of two sockets may hold. */
const boundBytes = 32 * 1024 * 1024;

describe("an engine that sends", () => {
  it.each([
    ["bytes that are not HTTP", "\u0000\u0001\u0002 hello\r\n\r\n"],
    ["a greeting of another protocol", "220 mail.example ESMTP\r\n"],
    ["headers without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(200_000)}\r\n`],
    ["bytes that are no events", `${head(sse)}\u0080\u00ff\n\n\u0003\n\n`],
    ["an event that is no object", `${head(sse)}data: [1]\n\n`],
    ["choices that are no array", `${head(sse)}data: {"choices":"a"}\n\n`],
    ["a broken chunk length", `${head(sse, "transfer-encoding: chunked\r\n")}zz\r\ndata: {}\n\n`],
    ["an empty body", head(sse)],
  ])("%s is reported as not understood", async (_what, text) => {
    expect(await ask((socket) => void socket.end(text, "latin1"))).toBe("engine_protocol_error");
  });

  it("nothing and hangs up is reported as failed", async () => {
    expect(await ask((socket) => void socket.end())).toBe("engine_error");
    expect(await ask((socket) => void socket.resetAndDestroy())).toBe("engine_error");
  });

  it.each([
    ["a line without end", head(sse), "engine_protocol_error"],
    [
      "one chunk of a gigabyte",
      `${head(sse, "transfer-encoding: chunked\r\n")}40000000\r\n`,
      "engine_protocol_error",
    ],
    ["a page without end", head("text/html"), "engine_protocol_error"],
    ["an error without end", "HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\n", "engine_error"],
  ])("%s is cut off before it fills the memory", async (_what, beginning, code) => {
    const failure = await ask((socket) => {
      socket.write(beginning);
      pour(socket, megabyte);
    });
    expect(failure).toBe(code);
    expect(sent).toBeLessThan(boundBytes);
  });

  it("an event of many lines without end is cut off as well", async () => {
    const line = Buffer.from(`data: ${"x".repeat(1_000)}\n`);
    const lines = Buffer.concat(Array.from({ length: 1_000 }, () => line));
    const failure = await ask((socket) => {
      socket.write(head(sse));
      pour(socket, lines);
    });
    expect(failure).toBe("engine_protocol_error");
    expect(sent).toBeLessThan(boundBytes);
  });
});
