import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createEngine } from "./create-engine.js";
import type { InferenceEngine } from "./inference-engine.js";

let server: Server | undefined;
let engine: InferenceEngine | undefined;
afterEach(async () => {
  await engine?.close();
  server?.closeAllConnections();
  server?.close();
});

const timeoutMs = 400;
const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "a" } }] })}\n\n`;
const done = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;

/** An engine that serves one request, slowly, while another waits in it for `waitMs`; its page says that `waiting` wait. */
async function slowEngine({ waitMs, waiting }: { waitMs: number; waiting: number }): Promise<void> {
  const listening = createServer((request, response) => {
    if (request.url === "/metrics") return void response.end(`vllm:num_requests_waiting ${waiting}\n`);
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => (body.includes("first") ? drip(response, waitMs) : late(response, waitMs)));
  }).listen(0, "127.0.0.1");
  server = listening;
  await new Promise((resolve) => listening.once("listening", resolve));
  engine = createEngine({
    kind: "vllm",
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    model: "m",
    firstTokenTimeoutMs: timeoutMs,
    interTokenTimeoutMs: timeoutMs,
    maxConnections: 2,
  });
}

function drip(response: ServerResponse, forMs: number): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const timer = setInterval(() => response.write(event), 50);
  setTimeout(() => (clearInterval(timer), response.end(done)), forMs);
}

function late(response: ServerResponse, afterMs: number): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  setTimeout(() => response.end(event + done), afterMs);
}

async function ask(content: string): Promise<unknown> {
  const call = { endpoint: "/v1/chat/completions", body: { messages: [{ role: "user", content }] } } as const;
  try {
    for await (const events of engine?.generate(call, new AbortController().signal) ?? []) void events;
    return "whole";
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

async function bothAsk(): Promise<unknown[]> {
  const looks = setInterval(() => void engine?.load?.(300), 100);
  const answers = await Promise.all([ask("first"), ask("second")]);
  clearInterval(looks);
  return answers;
}

describe("silence", () => {
  it("is no timeout while the engine has a queue and gives tokens to others", async () => {
    await slowEngine({ waitMs: 4 * timeoutMs, waiting: 1 });
    expect(await bothAsk()).toEqual(["whole", "whole"]);
  });

  it("is one where the engine has no queue: it has forgotten the request", async () => {
    await slowEngine({ waitMs: 4 * timeoutMs, waiting: 0 });
    expect(await bothAsk()).toEqual(["whole", "engine_timeout"]);
  });

  it("is one where nobody gets a token, whatever the page says", async () => {
    await slowEngine({ waitMs: 4 * timeoutMs, waiting: 1 });
    await engine?.load?.(300);
    expect(await ask("second")).toBe("engine_timeout");
  });

  it("is one in the end, though others are served", async () => {
    await slowEngine({ waitMs: 16 * timeoutMs, waiting: 1 });
    expect(await bothAsk()).toEqual(["whole", "engine_timeout"]);
  });
});
