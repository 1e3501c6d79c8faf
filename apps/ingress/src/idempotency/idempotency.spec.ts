import type { Job } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { fingerprintOf } from "./idempotency-key.js";

const chat = { model: "auto", messages: [{ role: "user", content: "x" }] };
const completed = { status: "completed" } as const;
const headers = { "idempotency-key": "k1" };

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100 });
});
afterEach(() => ingress.close());

const ask = (body: object = chat, more: Record<string, string> = headers) =>
  ingress.post("/v1/chat/completions", body, more);
const jobs = () => ingress.ports.queues.get("general")!.jobs;

/** Lets somebody else record the next request under its id, for another expert, and die before it is on its queue. */
function overtakeWith(expert: string): void {
  const { ports } = ingress;
  const accept = ports.accept.bind(ports);
  vi.spyOn(ports, "accept").mockImplementationOnce(async (record, liveChannel) => {
    await ports.logs.create({ ...record, decision: { ...record.decision, expert } });
    return accept(record, liveChannel);
  });
}

describe("a waiting request with a key", () => {
  it("is one request, however often it is sent at once and afterwards", async () => {
    const sent = Array.from({ length: 20 }, () => ask());
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello"]);
    ingress.ports.logs.end(id, completed);
    const answers = await Promise.all([...sent, ask()]);
    for (const answer of answers) expect([answer.statusCode, answer.body]).toEqual([200, answers[0]!.body]);
    expect(answers[0]!.json()).toMatchObject({ id, choices: [{ message: { content: "Hello" } }] });
    expect(answers.filter(({ headers: { "idempotent-replayed": told } }) => told === "true").length).toBe(20);
    expect(answers.at(-1)!.headers["x-request-id"]).toBe(id);
    expect(ingress.ports.logs.states.size).toBe(1);
  });

  it("streams the same from the start while it runs, and afterwards", async () => {
    const streamed = { ...chat, stream: true, stream_options: { include_usage: true } };
    const first = ask(streamed);
    const id = await ingress.queued();
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["He"]);
    const second = ask(streamed);
    await expect.poll(() => ingress.open.size).toBe(2);
    ingress.ports.logs.append(id, { epoch: 1, seq: 2 }, ["llo"]);
    ingress.ports.logs.end(id, completed);
    const [one, two, three] = await Promise.all([first, second, ask(streamed)]);
    expect(one.body).toContain("[DONE]");
    expect(two.body).toBe(one.body);
    expect(three.body).toBe(one.body);
  });

  it("is refused with another body, and taken with the same one written otherwise", async () => {
    const sent = ask();
    const id = await ingress.queued();
    const other = await ask({ ...chat, max_tokens: 5 });
    expect([other.statusCode, other.json().error.code]).toEqual([422, "idempotency_key_reused"]);
    expect((await ingress.post("/v1/completions", { model: "auto", prompt: "x" }, headers)).statusCode).toBe(
      422,
    );
    ingress.ports.logs.end(id, completed);
    const same = await ask({ messages: [{ content: "x", role: "user" }], model: "auto" });
    expect(same.json().id).toBe(id);
    expect((await sent).json().id).toBe(id);
  });

  it("frees its key for another request when it is forgotten, and not before", async () => {
    const sent = ask();
    const id = await ingress.queued();
    await ingress.ports.queues.get("general")!.remove(id);
    ingress.ports.logs.end(id, completed);
    await sent;
    const other = { ...chat, max_tokens: 5 };
    expect((await ask(other)).statusCode).toBe(422);
    await ingress.ports.logs.forget([id]);
    const fresh = ask(other);
    const next = await ingress.queued();
    expect(next).not.toBe(id);
    ingress.ports.logs.end(next, completed);
    expect((await fresh).json().id).toBe(next);
    expect((await ask()).statusCode).toBe(422);
  });

  it("frees its key for another request when its owner died before it was there", async () => {
    const { ports } = ingress;
    vi.spyOn(ports, "accept").mockRejectedValueOnce(new Error("Connection is closed."));
    expect((await ask()).statusCode).toBe(503);
    const other = { ...chat, max_tokens: 5 };
    expect((await ask(other)).statusCode).toBe(422);
    ports.endLeases();
    const sent = ask(other);
    const id = await ingress.queued();
    ports.logs.end(id, completed);
    expect((await sent).json().id).toBe(id);
  });

  it("frees its key when it is refused, or fails in a way that may pass", async () => {
    expect((await ask({ ...chat, model: "none" })).statusCode).toBe(404);
    const failing = ask();
    const first = await ingress.queued();
    await ingress.ports.queues.get("general")!.remove(first);
    const error = { code: "engine_unreachable", message: "away" };
    ingress.ports.logs.end(first, { status: "failed", error });
    expect((await failing).statusCode).toBe(503);
    const again = ask();
    const second = await ingress.queued();
    expect(second).not.toBe(first);
    const rejected = { code: "engine_rejected", message: "too long" };
    ingress.ports.logs.end(second, { status: "failed", error: rejected });
    expect((await again).statusCode).toBe(400);
    const replayed = await ask();
    expect([replayed.statusCode, replayed.headers["x-request-id"]]).toEqual([400, second]);
  });

  it("is carried on under its id when Redis went away while it was put in", async () => {
    const queue = ingress.ports.queues.get("general")!;
    queue.failure = new Error("Connection is closed.");
    expect((await ask()).statusCode).toBe(503);
    queue.failure = undefined;
    const [id] = [...ingress.ports.logs.states.keys()];
    expect(ingress.ports.logs.states.get(id!)!.status).toBe("queued");
    ingress.ports.endLeases();
    const again = ask();
    expect(await ingress.queued()).toBe(id);
    ingress.ports.logs.end(id!, completed);
    expect((await again).json().id).toBe(id);
  });

  it("is the one that another owner of the key has made, where this one was too slow", async () => {
    // The owner stalls behind its choice of an expert; meanwhile another one, with another version of the router, takes over.
    overtakeWith("code");
    const sent = ask();
    const id = await ingress.queued("code");
    expect(jobs()).toEqual([]);
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["Hello"]);
    ingress.ports.logs.end(id, completed);
    const answer = await sent;
    expect([answer.headers["x-expert-router-expert"], answer.json().model]).toEqual(["code", "code"]);
  });

  it.each(["", "a\u00e9", "x".repeat(256)])("is refused with the key %j", async (key) => {
    const answer = await ask(chat, { "idempotency-key": key });
    expect([answer.statusCode, answer.json().error.param]).toEqual([400, "Idempotency-Key"]);
  });
});

describe("a job with a key", () => {
  const submission = { endpoint: "/v1/chat/completions", body: chat };
  const submit = () => ingress.post("/v1/jobs", submission, headers);

  it("is one job, shown as it stands", async () => {
    const [one, two] = await Promise.all([submit(), submit()]);
    const job = one.json<Job>();
    expect([one.statusCode, two.statusCode, two.json<Job>().id]).toEqual([202, 202, job.id]);
    expect(jobs().length).toBe(1);
    const error = { code: "engine_unreachable", message: "away" };
    ingress.ports.logs.end(job.id as `req_${string}`, { status: "failed", error });
    expect((await submit()).json()).toMatchObject({ id: job.id, status: "failed", error });
  });

  it("is the one that another owner of the key has made, where this one was too slow", async () => {
    overtakeWith("code");
    const answer = await submit();
    expect([answer.json().expert, answer.headers["x-expert-router-expert"]]).toEqual(["code", "code"]);
    expect(jobs()).toEqual([]);
    expect(ingress.ports.queues.get("code")!.jobs.map((job) => job.id)).toEqual([answer.json().id]);
  });
});

describe("a fingerprint", () => {
  it("tells routes, values and nesting apart, and not the order of keys", () => {
    const of = (content: unknown) => fingerprintOf("/r", content);
    expect(of({ a: 1, b: { c: [1, 2], d: null } })).toBe(of({ b: { d: null, c: [1, 2] }, a: 1 }));
    expect(of({ a: [1, 2] })).not.toBe(of({ a: [2, 1] }));
    expect(of({ a: "1" })).not.toBe(of({ a: 1 }));
    expect(fingerprintOf("/s", {})).not.toBe(of({}));
  });
});
