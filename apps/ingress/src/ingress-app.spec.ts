import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startIngress, type IngressFixture } from "./testing/ingress-fixture.js";

const chat = "/v1/chat/completions";
const messages = [{ role: "user", content: "some SECRET prompt" }];
const usage = { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 };
const completed = { status: "completed", usage } as const;
const stop = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress();
});
afterEach(() => ingress.close());

describe("a whole answer", () => {
  it("is assembled, with the decision in the headers", async () => {
    const answer = ingress.post(chat, {
      model: "auto",
      messages: [{ role: "user", content: "code please" }],
    });
    const id = await ingress.queued("code");
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hel", "lo", stop]);
    ingress.ports.logs.end(id, { ...completed, queueMs: 5 });
    const response = await answer;
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      "x-request-id": id,
      "x-expert-router-expert": "code",
      "x-expert-router-confidence": "0.8126",
      "x-expert-router-queue-ms": "5",
      "x-ratelimit-limit-requests": "3",
      "x-ratelimit-remaining-requests": "3",
    });
    expect(response.json()).toMatchObject({
      id,
      object: "chat.completion",
      model: "code",
      choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
      usage,
    });
  });

  it("pins an expert, and completes a prompt", async () => {
    const answer = ingress.post("/v1/completions", { model: "code", prompt: [1, 2] });
    const id = await ingress.queued("code");
    expect(ingress.ports.logs.states.get(id)).toMatchObject({
      kind: "sync",
      exposed: false,
      decision: { reason: "pinned", confidence: 1 },
    });
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["x"]);
    ingress.ports.logs.end(id, completed);
    expect((await answer).json()).toMatchObject({ object: "text_completion", choices: [{ text: "x" }] });
  });

  it("starts over on a restart, and reports a failure with its status", async () => {
    const first = ingress.post(chat, { model: "auto", messages });
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["old"]);
    ingress.ports.logs.restart(id, 2);
    ingress.ports.logs.append(id, { epoch: 2, seq: 1 }, ["new"]);
    ingress.ports.logs.end(id, completed);
    expect((await first).json()).toMatchObject({ choices: [{ message: { content: "new" } }] });

    const second = ingress.post(chat, { model: "code", messages });
    ingress.ports.logs.end(await ingress.queued("code"), {
      status: "failed",
      error: { code: "engine_timeout", message: "too slow" },
    });
    const response = await second;
    expect(response.statusCode).toBe(504);
    expect(response.json()).toEqual({
      error: { message: "too slow", type: "upstream_error", param: null, code: "engine_timeout" },
    });
  });
});

describe("a streamed answer", () => {
  it("has OpenAI's bytes", async () => {
    const answer = ingress.post(chat, {
      model: "auto",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const id = await ingress.queued();
    const { createdAtMs, exposed, continuable } = ingress.ports.logs.states.get(id)!;
    expect({ exposed, continuable }).toEqual({ exposed: true, continuable: true });
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["a", "b"]);
    ingress.ports.logs.append(id, { epoch: 1, seq: 3 }, [stop]);
    ingress.ports.logs.end(id, completed);
    const response = await answer;
    const head = `data: {"id":"${id}","object":"chat.completion.chunk","created":${Math.floor(createdAtMs / 1_000)},"model":"general","choices":`;
    expect(response.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": id,
    });
    expect(response.body).toBe(
      [
        `${head}[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`,
        `${head}[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}`,
        `${head}[{"index":0,"delta":{"content":"b"},"finish_reason":null}],"usage":null}`,
        `${head}[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
        `${head}[],"usage":${JSON.stringify(usage)}}`,
        "data: [DONE]",
        "",
      ].join("\n\n"),
    );
  });

  it("answers a failure before the first delta with its status", async () => {
    const answer = ingress.post(chat, { model: "auto", messages, stream: true });
    ingress.ports.logs.end(await ingress.queued(), {
      status: "failed",
      error: { code: "engine_unreachable", message: "gone" },
    });
    const response = await answer;
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("1");
    expect(response.json()).toMatchObject({ error: { code: "engine_unreachable" } });
  });

  it("answers a failure after it inside the stream, without [DONE]", async () => {
    const answer = ingress.post(chat, { model: "auto", messages, stream: true });
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["a"]);
    ingress.ports.logs.end(id, { status: "failed", error: { code: "stream_interrupted", message: "cut" } });
    const { body, statusCode } = await answer;
    expect(statusCode).toBe(200);
    expect(body).not.toContain("[DONE]");
    expect(
      body.endsWith(
        'data: {"error":{"message":"cut","type":"upstream_error","param":null,"code":"stream_interrupted"}}\n\n',
      ),
    ).toBe(true);
  });
});

describe("what is refused", () => {
  it.each([
    [{ model: "auto" }, 400, "missing_required_parameter", "messages"],
    [{ model: "nope", messages }, 404, "model_not_found", "model"],
    [{ model: "auto", messages, stream: "yes" }, 400, "invalid_value", "stream"],
  ])("%j", async (body, status, code, param) => {
    const response = await ingress.post(chat, body);
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ error: { type: "invalid_request_error", code, param } });
  });

  it("takes 10,000 messages, and no more, without a look at each", async () => {
    const many = Array.from({ length: 130_000 }, () => ({}));
    const tooMany = [{ messages: many }, { messages: [{ role: "user", content: many }] }];
    for (const body of tooMany) {
      const response = await ingress.post(chat, { model: "auto", ...body });
      expect(response.statusCode).toBe(400);
      expect(response.json()).toMatchObject({ error: { code: "invalid_value", param: "messages" } });
      expect(response.body).toContain("at most 10000");
    }
    const job = { endpoint: chat, body: { model: "auto", messages: many } };
    expect((await ingress.post("/v1/jobs", job)).json()).toMatchObject({ error: { param: "body.messages" } });
    expect((await ingress.post("/v1/route", { messages: many })).json()).toMatchObject({
      error: { param: "messages" },
    });
  });

  it("blames Redis for nothing else", async () => {
    ingress.ports.queues.get("code")!.failure = new RangeError("Maximum call stack size exceeded");
    const response = await ingress.post(chat, { model: "code", messages });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ error: { code: "internal_error" } });
  });

  it("answers what is wrong with HTTP", async () => {
    const send = (method: "GET" | "POST", url: string, payload?: string, type = "application/json") =>
      ingress.app.inject({
        method,
        url,
        ...(payload !== undefined && { payload, headers: { "content-type": type } }),
      });
    const answers = await Promise.all([
      send("POST", chat, "{bad"),
      send("POST", chat, `"${"x".repeat(5_000_000)}"`),
      send("POST", chat, "x=1", "application/x-www-form-urlencoded"),
      send("GET", "/v2/chat"),
      send("GET", chat),
      send("POST", chat, '{"__proto__":{}}'),
      send("POST", chat, JSON.stringify({ model: "auto", messages }).replace("{", `{"x":${nested(5_000)},`)),
      send("POST", "/v1/jobs", `{"body":${nested(300)}}`),
      send("GET", "/v1/models/%zz"),
      send("GET", `/v1/models/${"m".repeat(300)}`),
    ]);
    expect(
      answers.map((answer) => [answer.statusCode, (answer.json() as { error: { code: string } }).error.code]),
    ).toEqual([
      [400, "invalid_json"],
      [413, "request_too_large"],
      [415, "unsupported_media_type"],
      [404, "not_found"],
      [405, "method_not_allowed"],
      [400, "invalid_value"],
      [400, "invalid_value"],
      [400, "invalid_value"],
      [400, "invalid_request"],
      [400, "invalid_request"],
    ]);
    expect(answers[5]!.body).toContain("must not contain the keys '__proto__'");
    expect(answers[6]!.body).toContain("nested more than 200 levels deep");
    expect(answers[8]!.json()).toMatchObject({ error: { type: "invalid_request_error", param: null } });
    expect(answers[4]!.headers["allow"]).toBe("POST");
    for (const answer of answers) expect(answer.headers["x-request-id"]).toMatch(/^req_/);
  });

  it("refuses a priority it does not know", async () => {
    const response = await ingress.post(
      chat,
      { model: "auto", messages },
      { "x-expert-router-priority": "now" },
    );
    expect(response.json()).toMatchObject({
      error: { code: "invalid_value", param: "x-expert-router-priority" },
    });
  });

  it("refuses beyond the bound of the queue, and says when to come back", async () => {
    const waiting = [1, 2, 3].map(() => ingress.post(chat, { model: "code", messages }));
    await expect.poll(() => ingress.ports.queues.get("code")!.jobs.length).toBe(3);
    const response = await ingress.post(chat, { model: "code", messages });
    expect(response.statusCode).toBe(429);
    expect(response.headers).toMatchObject({
      "retry-after": "3",
      "retry-after-ms": "2300",
      "x-ratelimit-limit-requests": "3",
      "x-ratelimit-remaining-requests": "0",
    });
    expect(response.json()).toMatchObject({ error: { code: "queue_full", type: "rate_limit_error" } });
    for (const { id } of [...ingress.ports.queues.get("code")!.jobs]) ingress.ports.logs.end(id, completed);
    await Promise.all(waiting);
  });

  it("gives a request up when its time is over, whether it runs or waits", async () => {
    const late = await startIngress({ syncTimeoutS: 0.05, tuning: { deadlineSweepMs: 20 } });
    const response = await late.post(chat, { model: "code", messages });
    await late.close();
    expect(response.statusCode).toBe(504);
    expect(response.json()).toMatchObject({ error: { code: "deadline_exceeded" } });
  });

  it("answers 503 while Redis is away, without a prompt in the log, and recovers by itself", async () => {
    ingress.ports.logs.away = true;
    const response = await ingress.post(chat, { model: "auto", messages });
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("1");
    expect(response.json()).toMatchObject({ error: { code: "redis_unavailable" } });
    expect(ingress.logLines.join("")).toContain("could not be queued");
    expect(ingress.logLines.join("")).not.toContain("SECRET");
    ingress.ports.logs.away = false;
    const queue = ingress.ports.queues.get("general")!;
    queue.failure = new Error("Connection is closed.");
    expect((await ingress.post(chat, { model: "auto", messages, stream: true })).statusCode).toBe(503);
    expect([...ingress.ports.logs.states.values()].at(-1)).toMatchObject({
      status: "failed",
      error: { code: "redis_unavailable" },
    });
    queue.failure = undefined;
    const answer = ingress.post(chat, { model: "auto", messages });
    ingress.ports.logs.end(await ingress.queued(), completed);
    expect((await answer).statusCode).toBe(200);
  });
});

describe("keys", () => {
  it("are asked for where work is, and nowhere else", async () => {
    const guarded = await startIngress({ apiKeys: ["sk-one", "sk-two"] });
    try {
      for (const url of ["/v1/models", "/%761/models", "/v1/jobs", "/v1/experts"]) {
        expect((await guarded.get(url)).statusCode, url).toBe(401);
        expect((await guarded.get(url, { authorization: "Bearer sk-three" })).json(), url).toMatchObject({
          error: { code: "invalid_api_key", type: "authentication_error" },
        });
        expect((await guarded.get(url, { authorization: "Bearer sk-two" })).statusCode, url).toBe(200);
      }
      for (const url of ["/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
        expect((await guarded.get(url)).statusCode, url).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe("what tells about the system", () => {
  it("lists models and experts", async () => {
    expect((await ingress.get("/v1/models")).json()).toMatchObject({
      data: [{ id: "auto" }, { id: "code" }, { id: "general" }],
    });
    expect((await ingress.get("/v1/models/code")).json()).toMatchObject({ id: "code", object: "model" });
    expect((await ingress.get("/v1/models/nope")).statusCode).toBe(404);
    expect((await ingress.get("/v1/experts")).json()).toMatchObject({
      data: [
        { id: "code", simulated: true, health: "healthy", workers: 1, capacity: 4, estimated_wait_s: 0 },
        { id: "general" },
      ],
    });
  });

  it("routes without running", async () => {
    const response = await ingress.post("/v1/route", { input: "some code" });
    expect(response.json()).toEqual({
      expert: "code",
      cluster: "code",
      confidence: 0.81256,
      candidates: [{ expert: "code", probability: 0.81256, queue_wait_s: 0 }],
      reason: "best-match",
      instead_of: null,
      wait_saved_s: null,
      router_version: "v1",
      explanation: {
        text: "Because.",
        margin: null,
        runner_up: null,
        nearest_class: null,
        threshold: 0.45,
        terms: [{ term: "code", weight: 1 }],
      },
    });
    expect((await ingress.post("/v1/route", {})).statusCode).toBe(400);
    expect(ingress.ports.logs.states.size).toBe(0);
  });

  it("tells which versions of the router decide", async () => {
    expect((await ingress.get("/v1/router")).json()).toMatchObject({
      object: "router",
      active: { version: "v1" },
    });
  });

  it("counts decisions", async () => {
    const answer = ingress.post(chat, { model: "code", messages });
    ingress.ports.logs.end(await ingress.queued("code"), completed);
    await answer;
    const { body } = await ingress.get("/metrics");
    expect(body).toContain('expert_router_route_decisions_total{expert="code",reason="pinned"} 1');
    expect(body).toContain('expert_router_queue_depth{expert="code",class="interactive"}');
  });
});

/** Arrays in arrays. */
function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}
