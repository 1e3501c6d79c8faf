import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Dispatcher } from "undici";
import { createEngine } from "./create-engine.js";
import { EngineStream } from "./engine-stream.js";
import type { EngineEvent, InferenceEngine } from "./inference-engine.js";
import { OpenAiDecoder } from "./openai-decoder.js";

let server: Server | undefined;
let engine: InferenceEngine | undefined;

afterEach(async () => {
  await engine?.close();
  server?.closeAllConnections();
  server?.close();
});

/** An engine whose server is `listener`. */
async function engineBefore(listener: RequestListener, timeoutMs = 5_000): Promise<InferenceEngine> {
  const listening = createServer(listener).listen(0, "127.0.0.1");
  server = listening;
  await new Promise((resolve) => listening.once("listening", resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  engine = createEngine({
    kind: "openai",
    url,
    model: "m",
    firstTokenTimeoutMs: timeoutMs,
    interTokenTimeoutMs: timeoutMs,
    maxConnections: 1,
  });
  return engine;
}

const done = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
const event = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

function stream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { "content-type": "text/event-stream" });
}

function call(signal = new AbortController().signal): AsyncIterable<readonly EngineEvent[]> {
  return (engine as InferenceEngine).generate(
    { endpoint: "/v1/chat/completions", body: { messages: [] } },
    signal,
  );
}

async function textOf(events: AsyncIterable<readonly EngineEvent[]>): Promise<string> {
  let text = "";
  for await (const batch of events)
    for (const one of batch) if (one.type === "delta" && typeof one.delta === "string") text += one.delta;
  return text;
}

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe("EngineStream", () => {
  it("gives the whole answer, and uses the connection again", async () => {
    const ports = new Set<number | undefined>();
    await engineBefore((request, response) => {
      ports.add(request.socket.remotePort);
      stream(response).end(`${event("a")}${event("b")}${done}`);
    });
    expect(await textOf(call())).toBe("ab");
    expect(await textOf(call())).toBe("ab");
    expect(ports.size).toBe(1);
  });

  it("ends at [DONE] even if the server keeps the body open", async () => {
    await engineBefore((_request, response) => void stream(response).write(`${event("a")}${done}`));
    expect(await textOf(call())).toBe("a");
  });

  it("times out before the first token and between tokens, whatever else is sent", async () => {
    let first = true;
    await engineBefore((_request, response) => {
      stream(response).write(first ? ": waiting\n\n" : event("a"));
      first = false;
      const pings = setInterval(() => response.write(": ping\n\n"), 20);
      response.on("close", () => clearInterval(pings));
    }, 150);
    await expect(textOf(call())).rejects.toThrow(code("engine_timeout"));
    await expect(textOf(call())).rejects.toThrow(code("engine_timeout"));
  });

  it("does not blame the engine for a slow consumer, and stops reading meanwhile", async () => {
    const total = 12_000;
    let sent = 0;
    await engineBefore((_request, response) => {
      stream(response);
      const text = event("x".repeat(2_000));
      const more = (): void => {
        if (sent === total) return void response.end(done);
        sent += 1;
        if (response.write(text)) setImmediate(more);
        else response.once("drain", () => setImmediate(more));
      };
      more();
    }, 1_000);
    let count = 0;
    for await (const batch of call()) {
      if (count === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        expect(sent, "the server was held back").toBeLessThan(total);
      }
      count += batch.length;
    }
    expect(count, "every text, and the finish").toBe(total + 1);
  });

  it("does not blame the engine for a stall of its own process", async () => {
    const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    let handler: Dispatcher.DispatchHandler = {};
    await nextTurn();
    const settings = { firstTokenMs: 20, interTokenMs: 60_000 };
    const decoder = new OpenAiDecoder("/v1/chat/completions", true);
    const answer = new EngineStream(
      decoder,
      settings,
      new AbortController().signal,
      (given) => (handler = given),
    );
    const controller = {} as Dispatcher.DispatchController;
    // Bytes that came during the stall are read in the turn after it, behind the timers that fell due.
    const read = nextTurn().then(() => {
      handler.onResponseStart?.(controller, 200, { "content-type": "text/event-stream" });
      handler.onResponseData?.(controller, Buffer.from(`${event("a")}${done}`));
    });
    const until = performance.now() + 50;
    while (performance.now() < until);
    await read;
    expect(await textOf({ [Symbol.asyncIterator]: () => answer })).toBe("a");
  });

  it("throws the reason of an abort at once, and closes the connection", async () => {
    const closed = new Promise((resolve) => {
      void engineBefore((_request, response) => {
        response.on("close", resolve);
        stream(response).write(event("a"));
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const controller = new AbortController();
    const reason = new Error("enough");
    const seen = textOf(call(controller.signal));
    setTimeout(() => controller.abort(reason), 50);
    await expect(seen).rejects.toBe(reason);
    await closed;
  });

  it("never calls the server when aborted before, also while it waits for a connection", async () => {
    let calls = 0;
    await engineBefore((_request, response) => {
      calls += 1;
      stream(response).write(event("a"));
    });
    await expect(textOf(call(AbortSignal.abort(new Error("early"))))).rejects.toThrow("early");
    const running = new AbortController();
    const first = textOf(call(running.signal));
    const queued = new AbortController();
    const second = textOf(call(queued.signal));
    await new Promise((resolve) => setTimeout(resolve, 50));
    queued.abort(new Error("left the queue"));
    await expect(second).rejects.toThrow("left the queue");
    running.abort(new Error("over"));
    await expect(first).rejects.toThrow("over");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(1);
  });

  it("closes the connection when the consumer leaves", async () => {
    const closed = new Promise((resolve) => {
      void engineBefore((_request, response) => {
        response.on("close", () => resolve(response.writableFinished));
        stream(response).write(event("a"));
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    for await (const batch of call()) if (batch.length > 0) break;
    expect(await closed, "the answer was cut, not ended").toBe(false);
  });

  it("refuses an answer of another type, and reads an error in it", async () => {
    const bodies = ["<html>login</html>", '{"error":{"message":"no memory"}}', ""];
    await engineBefore(
      (_request, response) =>
        void response.writeHead(200, { "content-type": "text/html" }).end(bodies.shift()),
    );
    await expect(textOf(call())).rejects.toThrow(code("engine_protocol_error"));
    await expect(textOf(call())).rejects.toThrow(
      expect.objectContaining({ code: "engine_error", message: "no memory" }),
    );
    await expect(textOf(call())).rejects.toThrow(code("engine_protocol_error"));
  });

  it("gives what came before a break, then the error", async () => {
    await engineBefore((_request, response) => {
      stream(response).write(event("a"));
      setTimeout(() => response.destroy(), 50);
    });
    const seen: (readonly EngineEvent[])[] = [];
    const reading = (async () => {
      for await (const batch of call()) seen.push(batch);
    })();
    await expect(reading).rejects.toThrow(code("engine_error"));
    expect(seen.flat()).toEqual([{ type: "delta", delta: "a" }]);
  });

  it("keeps health checks apart from running answers", async () => {
    await engineBefore((request, response) => {
      if (request.method === "GET") response.end("{}");
      else stream(response).write(event("a"));
    });
    const controller = new AbortController();
    const running = textOf(call(controller.signal));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await engine?.healthy(1_000)).toBe(true);
    controller.abort(new Error("over"));
    await expect(running).rejects.toThrow("over");
  });
});
