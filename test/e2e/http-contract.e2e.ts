import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start();
});
afterAll(() => system?.stop());

const messages = [{ role: "user", content: "What is the capital of France?" }];

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${system.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string };
}

async function errorOf(response: Response): Promise<OpenAiError["error"] & { status: number }> {
  const { error } = (await response.json()) as OpenAiError;
  expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
  return { ...error, status: response.status };
}

describe("bad input is answered precisely, in OpenAI's shape", () => {
  const chat = "/v1/chat/completions";

  it("knows the unknown model, the bad JSON, the missing field, the wrong value", async () => {
    expect(await errorOf(await post(chat, { model: "gpt-4", messages }))).toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    expect(await errorOf(await post(chat, "{nonsense"))).toMatchObject({ status: 400, code: "invalid_json" });
    const missing = await errorOf(await post(chat, { model: "auto" }));
    expect(missing).toMatchObject({ status: 400, param: "messages", code: "missing_required_parameter" });
    expect(missing.message).toContain("messages");
    const wrong = await errorOf(
      await post(chat, { model: "auto", messages: [{ role: "king", content: "x" }] }),
    );
    expect(wrong).toMatchObject({ status: 400, param: "messages[0].role", code: "invalid_value" });
    for (const body of ["", "null", "[]", "7", '"x"']) {
      expect((await errorOf(await post(chat, body))).status).toBe(400);
    }
  });

  it.each([
    ["nonsense\r\n\r\n", 400, "invalid_request"],
    ["FOO / HTTP/1.1\r\nhost: x\r\n\r\n", 400, "invalid_request"],
    ["GET / HTTP/1.1\r\nhost: x\r\nlast-event-id: \x01\r\n\r\n", 400, "invalid_request"],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
  ])("that is no HTTP, as %j", async (text, status, code) => {
    const { hostname, port } = new URL(system.url);
    const socket = connect(Number(port), hostname);
    socket.end(text);
    const [head, body] = Buffer.concat(await socket.toArray())
      .toString()
      .split("\r\n\r\n") as [string, string];
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(await errorOf(new Response(body, { status }))).toMatchObject({ code, param: null });
  });

  it("that is no HTTP, behind a request that is being answered: the answer breaks off", async () => {
    const body = JSON.stringify({ model: "general", messages, stream: true, max_tokens: 2_000 });
    const { hostname, port } = new URL(system.url);
    const socket = connect(Number(port), hostname);
    const head = ["POST /v1/chat/completions HTTP/1.1", "host: x", "content-type: application/json"];
    socket.write([...head, `content-length: ${body.length}`, "", body].join("\r\n"));
    let text = "";
    for await (const bytes of socket) {
      if (!text.includes("data: ") && String(bytes).includes("data: ")) socket.write("nonsense\r\n\r\n");
      text += String(bytes);
    }
    expect(text).toContain("data: ");
    expect(text).not.toMatch(/invalid_request|\[DONE\]/);
  });

  it("that was packed", async () => {
    const packed = await post(chat, { model: "auto", messages }, { "content-encoding": "gzip" });
    expect(await errorOf(packed)).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });

  it("refuses 5 MB and takes just under 4", async () => {
    const big = (bytes: number): unknown => ({
      model: "general",
      max_tokens: 1,
      messages: [{ role: "user", content: "x".repeat(bytes) }],
    });
    expect(await errorOf(await post(chat, big(5_000_000)))).toMatchObject({
      status: 413,
      code: "request_too_large",
    });
    expect((await post(chat, big(4 * 1024 * 1024 - 200))).status).toBe(200);
  });

  it("knows other content types, routes and methods", async () => {
    const text = await fetch(`${system.url}${chat}`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "x",
    });
    expect((await errorOf(text)).status).toBe(415);
    expect((await errorOf(await fetch(`${system.url}/v1/nothing`))).status).toBe(404);
    expect(
      (await errorOf(await post(chat, { model: "auto", messages }, { "x-expert-router-priority": "vip" })))
        .status,
    ).toBe(400);
  });
});

describe("requests", () => {
  it("pass unknown fields on to the engine", async () => {
    const response = await post("/v1/chat/completions", {
      model: "general",
      messages,
      x_sim_fault: "http-500",
    });
    expect(await errorOf(response)).toMatchObject({ status: 502, code: "engine_error" });
  });

  it("that fail inside the stream say so, without [DONE]", async () => {
    const response = await post("/v1/chat/completions", {
      model: "general",
      messages,
      stream: true,
      tools: [{ type: "function", function: { name: "f" } }],
      x_sim_fault: "cut-mid",
    });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).not.toContain("[DONE]");
    expect(text).toMatch(/data: \{"error":\{"message":.*"code":"[a-z_]+"\}\}\n\n$/);
  });

  it("are routed by content, or pinned, or given to the generalist", async () => {
    const route = async (body: unknown): Promise<Record<string, unknown>> =>
      (await post("/v1/route", body)).json() as never;
    expect(
      await route({ input: "Write a Python function that sorts a list of integers in place." }),
    ).toMatchObject({ expert: "code", reason: "best-match" });
    expect(await route({ input: "qqqq zzzz xxxx" })).toMatchObject({ expert: "general" });
    expect((await post("/v1/route", {})).status).toBe(400);
    expect((await post("/v1/route", { input: "a", messages })).status).toBe(400);
  });
});

describe("operations", () => {
  it("answer health, readiness, metrics, documentation and the landing page", async () => {
    const get = async (path: string): Promise<Response> => fetch(`${system.url}${path}`);
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
    expect(await (await get("/metrics")).text()).toContain("expert_router_route_decisions_total");
    expect(await (await get("/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
    expect((await get("/docs")).status).toBe(200);
    const page = await (await get("/")).text();
    expect(page).toContain("simulated");
  });
});
