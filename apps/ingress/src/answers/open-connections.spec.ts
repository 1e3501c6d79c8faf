/** What happens on real sockets: clients that leave, that read slowly, and a process that ends. */
import { once } from "node:events";
import http from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startIngress, type FixtureOptions, type IngressFixture } from "../testing/ingress-fixture.js";

const completed = { status: "completed" } as const;

let ingress: IngressFixture;
let port: number;
afterEach(() => ingress.close());

async function listen(options: FixtureOptions = {}): Promise<void> {
  ingress = await startIngress(options);
  await ingress.app.listen(0, "127.0.0.1");
  port = (ingress.app.getHttpServer().address() as { port: number }).port;
}

function request(
  body: object,
  path = "/v1/chat/completions",
  agent?: http.Agent,
  headers: Record<string, string> = {},
): http.ClientRequest {
  const payload = JSON.stringify({ model: "auto", messages: [{ role: "user", content: "x" }], ...body });
  const sent = http.request({
    port,
    path,
    method: "POST",
    agent,
    headers: { "content-type": "application/json", ...headers },
  });
  sent.on("error", () => undefined);
  sent.end(payload);
  return sent;
}

async function response(sent: http.ClientRequest): Promise<http.IncomingMessage> {
  const [message] = (await once(sent, "response")) as [http.IncomingMessage];
  return message;
}

async function text(message: http.IncomingMessage): Promise<string> {
  let all = "";
  for await (const part of message.setEncoding("utf8")) all += part;
  return all;
}

describe("a client that leaves", () => {
  it.each([[{ stream: true }], [{}]])("cancels its request and takes it off the queue: %j", async (body) => {
    await listen();
    const sent = request(body);
    const id = await ingress.queued();
    sent.destroy();
    await expect.poll(() => ingress.ports.logs.states.get(id)!.status).toBe("cancelled");
    await expect.poll(() => ingress.ports.queues.get("general")!.jobs).toEqual([]);
    await expect.poll(() => ingress.open.size).toBe(0);
  });

  it.each([[{ stream: true }], [{}]])("leaves one that has a key as it is: %j", async (body) => {
    await listen();
    const sent = request(body, undefined, undefined, { "idempotency-key": "k" });
    const id = await ingress.queued();
    await expect.poll(() => ingress.open.size).toBe(1);
    sent.destroy();
    await expect.poll(() => ingress.open.size).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ingress.ports.logs.states.get(id)!.status).toBe("queued");
    expect(ingress.ports.queues.get("general")!.jobs.length).toBe(1);
  });

  it("cancels a response that waits, and none in the background", async () => {
    await listen();
    const ask = (more: object): http.ClientRequest =>
      request({ input: "x", messages: undefined, stream: true, ...more }, "/v1/responses");
    const waiting = response(ask({}));
    const first = await ingress.queued();
    (await waiting).destroy();
    await expect.poll(() => ingress.ports.logs.states.get(first)!.status).toBe("cancelled");
    (await response(ask({ background: true }))).destroy();
    await expect.poll(() => ingress.open.size).toBe(0);
    const [, second] = [...ingress.ports.logs.states.values()];
    expect([second?.response?.background, second?.status]).toEqual([true, "queued"]);
  });

  it("cancels it when Redis is back, if it was away", async () => {
    await listen({ tuning: { deadlineSweepMs: 20 } });
    const sent = [request({ stream: true }), request({})];
    await expect.poll(() => ingress.ports.queues.get("general")!.jobs.length).toBe(2);
    ingress.ports.logs.away = true;
    for (const one of sent) one.destroy();
    await expect.poll(() => ingress.open.size).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const statuses = () => [...ingress.ports.logs.states.values()].map(({ status }) => status);
    expect(statuses()).toEqual(["queued", "queued"]);
    ingress.ports.logs.away = false;
    await expect.poll(statuses).toEqual(["cancelled", "cancelled"]);
    await expect.poll(() => ingress.ports.queues.get("general")!.jobs).toEqual([]);
  });

  it("cancels it in the middle of the stream, once", async () => {
    await listen();
    const sent = request({ stream: true });
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["a"]);
    (await response(sent)).destroy();
    await expect.poll(() => ingress.ports.logs.states.get(id)!.status).toBe("cancelled");
    const { body } = await ingress.get("/metrics");
    expect(body).toContain('expert_router_jobs_total{status="cancelled"} 1');
    await expect
      .poll(async () => (await ingress.get("/metrics")).body)
      .toContain("expert_router_open_streams 0");
  });
});

describe("a client that reads slowly", () => {
  it("holds back its own log, and gets every byte", async () => {
    await listen();
    const sent = request({ stream: true });
    const id = await ingress.queued();
    const big = "é".repeat(200_000);
    for (let seq = 1; seq <= 40; seq++) ingress.ports.logs.append(id, { epoch: 1, seq }, [`${seq}${big}`]);
    const message = await response(sent);
    ingress.ports.logs.end(id, completed);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // What waits in this process stays near one write, while the log holds sixteen megabytes.
    const sockets = await connections();
    expect(Math.max(...sockets.map((socket) => socket.writableLength))).toBeLessThan(2_000_000);
    const body = await text(message);
    expect([...body.matchAll(/"content":"(\d+)é/g)].map((match) => Number(match[1]))).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    expect(body.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(ingress.ports.logs.resumed).toBeGreaterThan(5);
  });
});

describe("a client that has stopped reading", () => {
  it("loses its connection soon after the deadline", async () => {
    await listen({ syncTimeoutS: 0.5, tuning: { deadlineSweepMs: 20, lateGraceMs: 200 } });
    const sent = request({ stream: true });
    const id = await ingress.queued();
    const big = "x".repeat(1_000_000);
    for (let seq = 1; seq <= 40; seq++) ingress.ports.logs.append(id, { epoch: 1, seq }, [big]);
    const message = await response(sent);
    message.on("error", () => undefined).pause();
    await expect.poll(() => ingress.ports.logs.states.get(id)!.status).toBe("expired");
    expect(ingress.open.size).toBe(1);
    await expect.poll(() => ingress.open.size, { timeout: 3_000 }).toBe(0);
    expect(await connections()).toEqual([]);
    sent.destroy();
  });
});

describe("a request whose time is over while Redis is away", () => {
  it.each([[{ stream: true }], [{}]])("is answered, and closed later: %j", async (body) => {
    await listen({ syncTimeoutS: 0.2, tuning: { deadlineSweepMs: 20, lateGraceMs: 100 } });
    const sent = request(body);
    const id = await ingress.queued();
    ingress.ports.logs.away = true;
    const answer = await response(sent);
    expect(answer.statusCode).toBe(504);
    expect(JSON.parse(await text(answer))).toMatchObject({ error: { code: "deadline_exceeded" } });
    ingress.ports.logs.away = false;
    await expect.poll(() => ingress.ports.logs.states.get(id)!.status).toBe("expired");
  });
});

describe("a connection", () => {
  it("is used again after a stream, with nothing left on it", async () => {
    await listen({ maxQueued: 100 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let round = 0; round < 12; round++) {
      const sent = request({ stream: true }, undefined, agent);
      const id = await ingress.queued();
      ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, [`round ${round}`]);
      await ingress.ports.queues.get("general")!.remove(id);
      ingress.ports.logs.end(id, completed);
      const message = await response(sent);
      ports.add(message.socket.localPort);
      expect(await text(message)).toContain(`round ${round}`);
    }
    expect(ports.size).toBe(1);
    const [socket] = await connections();
    expect(socket!.listenerCount("drain")).toBeLessThan(4);
    agent.destroy();
  });

  it("gets headers and comments while its request waits in the queue", async () => {
    await listen({ tuning: { waitingCommentAfterMs: 30 } });
    const answer = response(request({ stream: true })).then(text);
    const id = await ingress.queued();
    await new Promise((resolve) => setTimeout(resolve, 80));
    ingress.ports.logs.end(id, { status: "failed", error: { code: "engine_error", message: "no" } });
    expect(await answer).toMatch(/^(: waiting\n\n){2,}data: \{"error":\{"message":"no".*\}\}\n\n$/);
  });
});

describe("a stream that waits in the queue", () => {
  it("tells its place, and so do the events of a job, until something comes", async () => {
    await listen({ maxQueued: 100, tuning: { placeAfterMs: 30, placeEveryMs: 30, placeRoundMs: 10 } });
    const first = response(request({ stream: true, model: "code" })).then(text);
    await ingress.queued("code");
    const second = response(request({ stream: true, model: "code" })).then(text);
    const { jobs } = ingress.ports.queues.get("code")!;
    await expect.poll(() => jobs.length).toBe(2);
    const asked = vi.spyOn(ingress.ports.queues.get("code")!, "place");
    await expect.poll(() => asked.mock.calls.length).toBeGreaterThan(4);
    const [one, two] = jobs.map((job) => job.id);
    ingress.ports.logs.append(one!, { epoch: 1, seq: 1 }, ["x"]);
    asked.mockClear();
    await expect.poll(() => asked.mock.calls.length).toBeGreaterThan(2);
    expect(asked.mock.calls.map(([id]) => id)).not.toContain(one);
    for (const id of [one!, two!]) ingress.ports.logs.end(id, completed);
    expect(await first).toMatch(/^(: queue_position=0 eta_s=0.0\n\n)+data: /);
    expect(await second).toMatch(/^(: queue_position=1 eta_s=0.0\n\n)+data: /);
  });

  it("is not asked about when a worker has it", async () => {
    await listen({ tuning: { placeAfterMs: 0, placeEveryMs: 0, placeRoundMs: 10 } });
    const answer = response(request({ stream: true })).then(text);
    const id = await ingress.queued();
    await ingress.ports.queues.get("general")!.remove(id);
    const asked = vi.spyOn(ingress.ports.queues.get("general")!, "place");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(asked.mock.calls.length).toBeLessThan(2);
    ingress.ports.logs.end(id, completed);
    await answer;
  });

  it("is asked about in bounded rounds", async () => {
    await listen({ maxQueued: 200, tuning: { placeAfterMs: 0, placeEveryMs: 0, placeRoundMs: 200 } });
    const asked = vi.spyOn(ingress.ports.queues.get("general")!, "place");
    const sent = Array.from({ length: 120 }, () => request({ stream: true }));
    await expect.poll(() => ingress.ports.queues.get("general")!.jobs.length).toBe(120);
    asked.mockClear();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked.mock.calls.length).toBeGreaterThan(24);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(100);
    // All have their turn before anybody has a second one.
    const ids = asked.mock.calls.slice(0, 100).map(([id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const one of sent) one.destroy();
  });
});

describe("a request that waits longer than it may", () => {
  it.each([[{ stream: true }], [{}]])("ends with a code of its own: %j", async (body) => {
    await listen({ queueTimeoutS: 0.1, syncTimeoutS: 60, tuning: { deadlineSweepMs: 20 } });
    const sent = response(request(body));
    const id = await ingress.queued();
    const answer = await sent;
    expect(answer.statusCode).toBe(504);
    expect(JSON.parse(await text(answer))).toMatchObject({ error: { code: "queue_timeout" } });
    expect(ingress.ports.logs.states.get(id)!.status).toBe("expired");
    expect(ingress.ports.queues.get("general")!.jobs).toEqual([]);
  });

  it("is left alone once a worker has it", async () => {
    await listen({ queueTimeoutS: 0.1, syncTimeoutS: 60, tuning: { deadlineSweepMs: 20 } });
    const sent = response(request({}));
    const id = await ingress.queued();
    const state = ingress.ports.logs.states.get(id)!;
    ingress.ports.logs.states.set(id, { ...state, status: "in_progress", attempts: 1 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["late"]);
    ingress.ports.logs.end(id, completed);
    expect((await sent).statusCode).toBe(200);
  });
});

describe("a process that ends", () => {
  it("refuses new work, lets streams finish, and interrupts what stays", async () => {
    await listen();
    const [finishing, staying, waiting] = [
      request({ stream: true, model: "code" }),
      request({ stream: true }),
      request({}),
    ];
    await expect.poll(() => ingress.ports.logs.states.size).toBe(3);
    const states = [...ingress.ports.logs.states.values()];
    const idOf = (expert: string, exposed: boolean) =>
      states.find((state) => state.decision.expert === expert && state.exposed === exposed)!.id;
    const [finishingId, stayingId] = [idOf("code", true), idOf("general", true)];
    for (const id of [finishingId, stayingId]) ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["a"]);
    const streams = [await response(finishing), await response(staying)] as const;

    ingress.context.lifecycle.onDrain("open answers", (signal) => ingress.open.drain(300, signal));
    const drained = ingress.context.lifecycle.drain("test");
    const refused = await response(request({}));
    expect([refused.statusCode, refused.headers["connection"], refused.headers["retry-after"]]).toEqual([
      503,
      "close",
      "1",
    ]);
    expect(JSON.parse(await text(refused))).toMatchObject({ error: { code: "shutting_down" } });
    expect((await ingress.get("/readyz")).statusCode).toBe(503);
    expect((await ingress.get("/healthz")).statusCode).toBe(200);

    ingress.ports.logs.end(finishingId, completed);
    expect(await text(streams[0])).toContain("[DONE]");
    expect(await text(streams[1])).toMatch(/data: \{"error":\{[^}]*"code":"shutting_down"\}\}\n\n$/);
    expect((await response(waiting)).statusCode).toBe(503);
    await drained;
    await expect.poll(() => ingress.ports.logs.states.get(stayingId)!.status).toBe("cancelled");
  });
});

/** The server's sockets that wrote anything. */
async function connections(): Promise<import("node:net").Socket[]> {
  const server = ingress.app.getHttpServer() as http.Server;
  const sockets = (server as unknown as Record<symbol, { all(): { socket: import("node:net").Socket }[] }>)[
    Object.getOwnPropertySymbols(server).find(
      (symbol) => String(symbol) === "Symbol(http.server.connections)",
    )!
  ]!;
  return sockets.all().map(({ socket }) => socket);
}
