import type { RequestId, ResponseObject } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";

const stop = (reason = "stop") => ({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const completed = { status: "completed", usage, queueMs: 1 } as const;
const asked = { model: "general", input: "Hello?" };

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100 });
});
afterEach(() => ingress.close());

const create = (more: object = {}, headers = {}) =>
  ingress.post("/v1/responses", { ...asked, ...more }, headers);
const retrieve = async (id: string) => (await ingress.get(`/v1/responses/${id}`)).json<ResponseObject>();
const requestId = (id: string): RequestId => id.replace("resp_", "req_") as RequestId;

/** A response in the background, with its answer. */
async function answered(more: object = {}, deltas = ["Hel", "lo"], reason = "stop"): Promise<string> {
  const { id } = (await create({ background: true, ...more })).json<ResponseObject>();
  ingress.ports.logs.append(requestId(id), { epoch: 1, seq: 1 }, [...deltas, stop(reason)]);
  ingress.ports.logs.end(requestId(id), completed);
  return id;
}

interface Event {
  type: string;
  sequence_number: number;
  [field: string]: unknown;
}

function parsed(body: string): Event[] {
  return body
    .split("\n\n")
    .filter((block) => block !== "" && !block.startsWith(":"))
    .map((block) => {
      const [, type, data] = /^event: (.+)\ndata: (.+)$/.exec(block)!;
      const event = JSON.parse(data!) as Event;
      expect(event.type).toBe(type);
      return event;
    });
}

describe("a response that a client waits for", () => {
  it("is whole, and the same when it is retrieved", async () => {
    const sent = create({ instructions: "Be short.", metadata: { a: "b" }, temperature: 0.5 });
    const id = await ingress.queued();
    expect(ingress.ports.logs.states.get(id)).toMatchObject({
      endpoint: "/v1/chat/completions",
      priorityClass: "interactive",
      body: {
        model: "general",
        temperature: 0.5,
        messages: [
          { role: "system", content: "Be short." },
          { role: "user", content: "Hello?" },
        ],
      },
    });
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hel", "lo", stop()]);
    ingress.ports.logs.end(id, completed);
    const answer = await sent;
    expect(answer.statusCode, answer.body).toBe(200);
    const response = answer.json<ResponseObject>();
    expect(response).toMatchObject({
      id: id.replace("req_", "resp_"),
      object: "response",
      status: "completed",
      model: "general",
      instructions: "Be short.",
      temperature: 0.5,
      metadata: { a: "b" },
      store: true,
      background: false,
      error: null,
      output: [
        {
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Hello", annotations: [] }],
        },
      ],
      usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
    });
    expect(await retrieve(response.id)).toEqual(response);
    expect(answer.headers["x-request-id"]).toBe(id);
  });

  it("is an HTTP error when it fails, and cannot be retrieved where it is not stored", async () => {
    const sent = create({ store: false });
    const id = await ingress.queued();
    ingress.ports.logs.end(id, { status: "failed", error: { code: "engine_error", message: "no" } });
    const answer = await sent;
    expect([answer.statusCode, answer.json().error.code]).toEqual([502, "engine_error"]);
    const got = await ingress.get(`/v1/responses/${id.replace("req_", "resp_")}`);
    expect([got.statusCode, got.json().error.code]).toEqual([404, "response_not_found"]);
  });

  it("is incomplete when its tokens ran out", async () => {
    const id = await answered({ max_output_tokens: 2 }, ["Hel", "lo"], "length");
    expect(await retrieve(id)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      completed_at: null,
      output: [{ status: "incomplete" }],
    });
  });

  it("is the same one when it is sent again with its key", async () => {
    const headers = { "idempotency-key": "k" };
    const sent = [create({}, headers), create({}, headers), create({}, headers)];
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello", stop()]);
    ingress.ports.logs.end(id, completed);
    const answers = await Promise.all([...sent, create({}, headers)]);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect((await create({ input: "Other" }, headers)).statusCode).toBe(422);
  });

  it("is the one that another owner of its key has made, where this one was too slow", async () => {
    const { ports } = ingress;
    const accept = ports.accept.bind(ports);
    vi.spyOn(ports, "accept").mockImplementationOnce(async (record) => {
      await ports.logs.create({ ...record, decision: { ...record.decision, expert: "code" } });
      return accept(record);
    });
    const sent = create({}, { "idempotency-key": "slow" });
    const id = await ingress.queued("code");
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello", stop()]);
    ingress.ports.logs.end(id, completed);
    const answer = await sent;
    expect([answer.headers["x-expert-router-expert"], answer.json().model]).toEqual(["code", "code"]);
    expect(ports.queues.get("general")!.jobs).toEqual([]);
  });
});

describe("the events of a response", () => {
  it("come in the order of the specification, numbered", async () => {
    const sent = create({ stream: true });
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hel", "lo", stop()]);
    ingress.ports.logs.end(id, completed);
    const { body, headers } = await sent;
    expect(headers["content-type"]).toContain("text/event-stream");
    const events = parsed(body);
    expect(events.map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
    expect(events.flatMap(({ delta }) => (typeof delta === "string" ? [delta] : [])).join("")).toBe("Hello");
    const response = await retrieve(id.replace("req_", "resp_"));
    expect(events.at(-1)?.["response"]).toEqual(response);
    expect(events[0]?.["response"]).toMatchObject({ status: "in_progress", output: [], usage: null });
    expect(events.at(-2)?.["item"]).toEqual(response.output[0]);
    expect(
      new Set(events.slice(2, -1).map((event) => event["item_id"] ?? (event["item"] as Event)["id"])).size,
    ).toBe(1);
  });

  it.each([{}, { background: true }])(
    "come with the headers of a whole one, also again: %j",
    async (more) => {
      const streamed = () => create({ ...more, stream: true }, { "idempotency-key": "k" });
      const sent = [streamed()];
      const id = await ingress.queued();
      await expect.poll(() => ingress.open.size).toBe(1);
      ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello", stop()]);
      ingress.ports.logs.end(id, completed);
      sent.push(streamed());
      const [first, again] = await Promise.all(sent);
      expect(again!.body).toBe(first!.body);
      const told = [first, again].map((answer) => answer!.headers["idempotent-replayed"]);
      expect(told).toEqual([undefined, "true"]);
      for (const { headers } of [first!, again!])
        expect(headers).toMatchObject({
          "x-request-id": id,
          "x-expert-router-expert": "general",
          "x-ratelimit-limit-requests": "100",
          "x-ratelimit-remaining-tokens": expect.stringMatching(/^\d+$/) as string,
        });
      const unkeyed = create({ ...more, stream: true });
      await expect.poll(() => [ingress.open.size, ingress.ports.logs.states.size]).toEqual([1, 2]);
      const other = [...ingress.ports.logs.states.keys()].at(-1)!;
      ingress.ports.logs.end(other, completed);
      expect((await unkeyed).headers).toHaveProperty("x-ratelimit-reset-requests");
    },
  );

  it("are the same behind any number, while it runs and afterwards", async () => {
    const { id } = (await create({ background: true })).json<ResponseObject>();
    const live = ingress.get(`/v1/responses/${id}?stream=true`);
    await expect.poll(() => ingress.open.size).toBe(1);
    ingress.ports.logs.append(requestId(id), { epoch: 1, seq: 1 }, ["a", "b"]);
    const joined = ingress.get(`/v1/responses/${id}?stream=true&starting_after=5`);
    await expect.poll(() => ingress.open.size).toBe(2);
    // Another attempt goes on behind the first one.
    ingress.ports.logs.append(requestId(id), { epoch: 2, seq: 1 }, ["c", stop()]);
    ingress.ports.logs.end(requestId(id), completed);
    const all = (await live).body;
    const events = all.split(/(?<=\n\n)/);
    expect(
      parsed(all)
        .map(({ type }) => type)
        .slice(0, 3),
    ).toEqual(["response.created", "response.queued", "response.in_progress"]);
    expect((await joined).body).toBe(events.slice(6).join(""));
    for (let after = 0; after < events.length + 1; after++) {
      const { body } = await ingress.get(`/v1/responses/${id}?stream=true&starting_after=${after}`);
      expect(body).toBe(events.slice(after + 1).join(""));
    }
  });

  it.each([
    [{ status: "failed", queueMs: 1, error: { code: "engine_rejected", message: "no" } }, "failed", "failed"],
    [{ status: "expired", error: { code: "deadline_exceeded", message: "late" } }, "failed", "failed"],
    [{ status: "cancelled" }, "incomplete", "cancelled"],
  ] as const)("end with %j", async (terminal, type, status) => {
    const { id } = (await create({ background: true })).json<ResponseObject>();
    if ("queueMs" in terminal) ingress.ports.logs.append(requestId(id), { epoch: 1, seq: 1 }, ["a"]);
    ingress.ports.logs.end(requestId(id), terminal);
    const events = parsed((await ingress.get(`/v1/responses/${id}?stream=true`)).body);
    expect(events.at(-1)).toMatchObject({ type: `response.${type}`, response: { status } });
    expect(events.some((event) => event.type === "response.in_progress")).toBe("queueMs" in terminal);
    if ("queueMs" in terminal)
      expect(events.at(-1)).toMatchObject({ response: { error: { code: "invalid_prompt", message: "no" } } });
  });
});

describe("a response in the background", () => {
  it("is queued, cancelled, and deleted", async () => {
    const { id, status } = (await create({ background: true })).json<ResponseObject>();
    expect(status).toBe("queued");
    const cancelled = await ingress.post(`/v1/responses/${id}/cancel`, undefined);
    expect([cancelled.statusCode, cancelled.json().status]).toEqual([200, "cancelled"]);
    expect((await ingress.post(`/v1/responses/${id}/cancel`, undefined)).json().status).toBe("cancelled");
    const remove = () => ingress.app.inject({ method: "DELETE", url: `/v1/responses/${id}` });
    expect((await remove()).json()).toEqual({ id, object: "response", deleted: true });
    expect((await remove()).statusCode).toBe(404);
  });

  it("is no job to the jobs' routes, and no response of other tenants", async () => {
    const id = await answered();
    expect((await ingress.get(`/v1/jobs/${requestId(id)}`)).statusCode).toBe(404);
    expect((await ingress.get("/v1/jobs")).json().data).toEqual([]);
    expect((await ingress.get("/v1/responses/resp_01ARZ3NDEKTSV4RRFFQ69G5FAV")).statusCode).toBe(404);
    const state = ingress.ports.logs.states.get(requestId(id))!;
    ingress.ports.logs.states.set(state.id, { ...state, tenant: "other" });
    expect((await ingress.get(`/v1/responses/${id}`)).statusCode).toBe(404);
  });
});

describe("a conversation", () => {
  it("goes on behind a response, without its instructions", async () => {
    const first = await answered({ instructions: "Be short." });
    const second = await answered({
      previous_response_id: first,
      instructions: "Be long.",
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "And " },
            { type: "input_text", text: "then?" },
          ],
        },
      ],
    });
    expect(ingress.ports.logs.states.get(requestId(second))!.body["messages"]).toEqual([
      { role: "system", content: "Be long." },
      { role: "user", content: "Hello?" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "And then?" },
    ]);
  });

  it("cannot go on behind what is not there, or has no answer", async () => {
    const gone = await create({ previous_response_id: "resp_01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    expect([gone.statusCode, gone.json().error.code]).toEqual([400, "previous_response_not_found"]);
    const { id } = (await create({ background: true })).json<ResponseObject>();
    const early = await create({ previous_response_id: id });
    expect([early.statusCode, early.json().error.param]).toEqual([400, "previous_response_id"]);
  });
});

describe("what is not supported", () => {
  it.each([
    [{ tools: [{ type: "web_search" }] }, "tools"],
    [{ tool_choice: { type: "function", name: "f" } }, "tool_choice"],
    [{ reasoning: { effort: "high" } }, "reasoning"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ include: ["message.output_text.logprobs"] }, "include"],
    [{ text: { verbosity: "low" } }, "text.verbosity"],
    [{ truncation: "auto" }, "truncation"],
    [{ service_tier: "flex" }, "service_tier"],
    [{ input: [{ type: "item_reference", id: "x" }] }, "input[0].type"],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] },
      "input[0].content[0].type",
    ],
  ])("%j is refused by name", async (more, param) => {
    const { statusCode, body } = await create(more);
    expect([statusCode, JSON.parse(body).error]).toMatchObject([
      400,
      { code: "unsupported_parameter", param },
    ]);
  });

  it.each([
    [{ input: undefined }, "input"],
    [{ input: [] }, "input"],
    [{ input: [{ role: "robot", content: "x" }] }, "input"],
    [{ temperature: 3 }, "temperature"],
    [{ background: true, store: false }, "store"],
    [{ text: { format: { type: "xml" } } }, "text.format.type"],
    [{ nonsense: 1 }, "nonsense"],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ""])) }, "metadata"],
  ])("%j is invalid", async (more, param) => {
    const { statusCode, body } = await create(more);
    expect([statusCode, JSON.parse(body).error.param]).toEqual([400, param]);
  });

  it("is let pass where it asks for nothing", async () => {
    const harmless = {
      tools: [],
      tool_choice: "auto",
      include: [],
      reasoning: null,
      truncation: "disabled",
      parallel_tool_calls: true,
      conversation: null,
      text: { format: { type: "json_schema", name: "n", schema: {}, strict: true } },
    };
    const id = await answered(harmless);
    expect(ingress.ports.logs.states.get(requestId(id))!.body["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "n", schema: {}, strict: true },
    });
    expect((await ingress.get(`/v1/responses/${id}?starting_after=1`)).json().error.param).toBe(
      "starting_after",
    );
  });
});
