import { CodedError, startPosition, type Job, type RequestId } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";

const submission = {
  endpoint: "/v1/chat/completions",
  body: { model: "code", messages: [{ role: "user", content: "x" }] },
};
const stop = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
const completed = {
  status: "completed",
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
} as const;

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100, tuning: { deadlineSweepMs: 50 } });
});
afterEach(() => ingress.close());

async function submit(more: object = {}): Promise<Job & { id: RequestId }> {
  const response = await ingress.post("/v1/jobs", { ...submission, ...more });
  expect(response.statusCode, response.body).toBe(202);
  return response.json();
}

describe("a job", () => {
  it("is queued, found, completed and shown with its answer", async () => {
    await submit();
    const job = await submit({ metadata: { a: "b" } });
    expect(job).toMatchObject({
      object: "job",
      status: "queued",
      expert: "code",
      reason: "pinned",
      priority: "async",
      queue_position: 1,
      eta_s: 0,
      metadata: { a: "b" },
      response: null,
    });
    ingress.ports.logs.append(job.id, { epoch: 1, seq: 1 }, ["Hello", stop]);
    ingress.ports.logs.end(job.id, completed);
    expect((await ingress.get(`/v1/jobs/${job.id}`)).json()).toMatchObject({
      status: "completed",
      queue_position: null,
      usage: completed.usage,
      response: { id: job.id, object: "chat.completion", choices: [{ message: { content: "Hello" } }] },
    });
  });

  it("is shown without its answer when its log is gone, and not at all while Redis is away", async () => {
    const { id } = await submit();
    ingress.ports.logs.end(id, completed);
    const view = vi.spyOn(ingress.ports.logs, "follow").mockImplementation((_id, sink) => {
      queueMicrotask(() => sink.fail(new CodedError("job_not_found", "gone")));
      return { at: startPosition, resume: () => undefined, stop: () => undefined };
    });
    const response = await ingress.get(`/v1/jobs/${id}`);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ status: "completed", response: null });
    view.mockImplementation((_id, sink) => {
      queueMicrotask(() => sink.fail(new CodedError("redis_unavailable", "away")));
      return { at: startPosition, resume: () => undefined, stop: () => undefined };
    });
    expect((await ingress.get(`/v1/jobs/${id}`)).statusCode).toBe(503);
  });

  it("expires when its deadline passes while Redis is away", async () => {
    const { id } = await submit({ deadline_s: 0.1 });
    ingress.ports.logs.away = true;
    await new Promise((resolve) => setTimeout(resolve, 400));
    ingress.ports.logs.away = false;
    await expect.poll(() => ingress.ports.logs.states.get(id)!.status, { timeout: 5_000 }).toBe("expired");
    expect(ingress.ports.queues.get("code")!.jobs).toEqual([]);
  });

  it("names what is wrong with a submission", async () => {
    const refused = async (more: object) =>
      ((await ingress.post("/v1/jobs", { ...submission, ...more })).json() as { error: { param: string } })
        .error.param;
    expect(await refused({ endpoint: "/v1/embeddings" })).toBe("endpoint");
    expect(await refused({ body: { model: "code" } })).toBe("body.messages");
    expect(
      await refused({ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])) }),
    ).toBe("metadata");
    expect(await refused({ deadline_s: -1 })).toBe("deadline_s");
  });

  it("is unknown to other tenants, and sync requests are no jobs", async () => {
    const job = await submit();
    const state = ingress.ports.logs.states.get(job.id)!;
    ingress.ports.logs.states.set(job.id, { ...state, tenant: "key-other" });
    expect((await ingress.get(`/v1/jobs/${job.id}`)).json()).toMatchObject({
      error: { code: "job_not_found" },
    });
    ingress.ports.logs.states.set(job.id, { ...state, kind: "sync" });
    for (const path of ["", "/events"])
      expect((await ingress.get(`/v1/jobs/${job.id}${path}`)).statusCode).toBe(404);
  });

  it("is cancelled once, and not after its end", async () => {
    const job = await submit();
    const cancel = () =>
      ingress.app.inject({
        method: "POST",
        url: `/v1/jobs/${job.id}/cancel`,
        headers: { "content-type": "application/json" },
      });
    for (const _ of [1, 2]) {
      const response = await cancel();
      expect(response.statusCode).toBe(200);
      expect(response.json()).toMatchObject({ status: "cancelled" });
    }
    expect(ingress.ports.queues.get("code")!.jobs).toEqual([]);
    const other = await submit();
    ingress.ports.logs.end(other.id, completed);
    const response = await ingress.post(`/v1/jobs/${other.id}/cancel`, {});
    expect(response.statusCode).toBe(409);
    expect(response.json()).toMatchObject({ error: { code: "job_already_finished" } });
  });

  it("expires when nobody has finished it by its deadline", async () => {
    const job = await submit({ deadline_s: 0.1 });
    await expect
      .poll(() => ingress.ports.logs.states.get(job.id)!.status, { timeout: 5_000 })
      .toBe("expired");
    expect((await ingress.get(`/v1/jobs/${job.id}`)).json()).toMatchObject({
      status: "expired",
      error: { code: "deadline_exceeded" },
    });
    expect(ingress.ports.queues.get("code")!.jobs).toEqual([]);
  });

  it("is listed by pages, newest first, and filtered", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++)
      ids.unshift((await submit(i === 2 ? { body: { ...submission.body, model: "general" } } : {})).id);
    const page = (await ingress.get("/v1/jobs?limit=2")).json();
    expect(page).toMatchObject({ object: "list", first_id: ids[0], last_id: ids[1], has_more: true });
    const rest = (await ingress.get(`/v1/jobs?limit=3&after=${ids[1]}`)).json() as { data: Job[] };
    expect(rest).toMatchObject({ has_more: false });
    expect(rest.data.map((job) => job.id)).toEqual(ids.slice(2));
    expect((await ingress.get("/v1/jobs?expert=general")).json()).toMatchObject({
      data: [{ id: ids[2] }],
      has_more: false,
    });
    expect((await ingress.get("/v1/jobs?limit=0")).json()).toMatchObject({ error: { param: "limit" } });
    expect((await ingress.get("/v1/jobs?after=x")).json()).toMatchObject({ error: { param: "after" } });
  });

  it("is listed either way, from either end", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await submit()).id);
    const list = async (query: string) => (await ingress.get(`/v1/jobs?${query}`)).json();
    const seen = async (query: string) => {
      const { data, has_more: more } = await list(query);
      return [...(data as Job[]).map(({ id }) => ids.indexOf(id)), more];
    };
    expect(await seen("order=asc&limit=2")).toEqual([0, 1, true]);
    expect(await seen(`order=asc&limit=2&after=${ids[2]}`)).toEqual([3, 4, false]);
    expect(await seen(`order=asc&limit=2&before=${ids[3]}`)).toEqual([1, 2, true]);
    expect(await seen(`limit=2&before=${ids[1]}`)).toEqual([3, 2, true]);
    expect(await seen(`limit=3&before=${ids[1]}`)).toEqual([4, 3, 2, false]);
    expect(await seen(`created_after=${Math.floor(Date.now() / 1_000) + 10}`)).toEqual([false]);
    expect(await seen(`created_before=${Math.floor(Date.now() / 1_000) - 10}`)).toEqual([false]);
    expect(await seen(`created_after=0&created_before=253402300799&limit=1`)).toEqual([4, true]);
    expect(await list(`before=${ids[1]}&after=${ids[0]}`)).toMatchObject({ error: { param: "before" } });
    for (const wrong of ["x", "", "%20", "1e3"])
      expect(await list(`created_after=${wrong}`)).toMatchObject({ error: { param: "created_after" } });
  });

  it("is found by its metadata", async () => {
    const { id } = await submit({ metadata: { project: "atlas", "a b": "c&d" } });
    await submit({ metadata: { project: "other" } });
    const ids = async (query: string) =>
      (await ingress.get(`/v1/jobs?${query}`)).json<{ data: Job[] }>().data.map((job) => job.id);
    expect(await ids("metadata[project]=atlas")).toEqual([id]);
    expect(await ids(`metadata%5Bproject%5D=atlas&metadata[a+b]=c%26d`)).toEqual([id]);
    expect(await ids("metadata[project]=atlas&metadata[a]=c")).toEqual([]);
    expect(await ids("metadata[constructor]=x")).toEqual([]);
    expect((await ingress.get("/v1/jobs?metadata=x")).statusCode).toBe(400);
    expect((await ingress.get("/v1/jobs?metadata[a]=1&metadata[a]=2")).statusCode).toBe(400);
  });

  it("says when it will be forgotten", async () => {
    const [usual, short] = [await submit(), await submit({ expires_after_s: 60 })];
    expect(usual.expires_at).toBeNull();
    for (const { id } of [usual, short]) ingress.ports.logs.end(id, completed);
    const keptFor = async (id: string) => {
      const job = (await ingress.get(`/v1/jobs/${id}`)).json<Job>();
      return job.expires_at! - job.finished_at!;
    };
    expect([await keptFor(usual.id), await keptFor(short.id)]).toEqual([86_400, 60]);
    const long = await ingress.post("/v1/jobs", { ...submission, expires_after_s: 86_401 });
    expect([long.statusCode, long.json().error.param]).toEqual([400, "expires_after_s"]);
  });
});

describe("the events of a job", () => {
  async function finished(): Promise<{ id: RequestId; all: string }> {
    const { id } = await submit();
    const live = ingress.get(`/v1/jobs/${id}/events`);
    await expect.poll(() => ingress.open.size).toBe(1);
    ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, ["a", "b"]);
    ingress.ports.logs.restart(id, 2);
    ingress.ports.logs.append(id, { epoch: 2, seq: 1 }, ["c"]);
    ingress.ports.logs.append(id, { epoch: 2, seq: 2 }, ["d", stop]);
    ingress.ports.logs.end(id, completed);
    return { id, all: (await live).body };
  }

  it("are the same bytes live, later, and behind every id", async () => {
    const { id, all } = await finished();
    expect(all.match(/^(id|event): .*$/gm)).toEqual([
      "id: 1-1",
      "id: 1-2",
      "id: 2-0",
      "event: job.restarted",
      "id: 2-1",
      "id: 2-2",
      "id: 2-3",
      "id: 9007199254740991-1",
      "event: job.completed",
    ]);
    expect((await ingress.get(`/v1/jobs/${id}/events`)).body).toBe(all);
    for (const position of ["1-1", "1-2", "2-0", "2-1", "2-2", "2-3"]) {
      const event = all.split("\n\n").find((one) => one.startsWith(`id: ${position}\n`))!;
      const behind = all.slice(all.indexOf(event) + event.length + 2);
      expect((await ingress.get(`/v1/jobs/${id}/events`, { "last-event-id": position })).body, position).toBe(
        behind,
      );
      expect((await ingress.get(`/v1/jobs/${id}/events?starting_after=${position}`)).body, position).toBe(
        behind,
      );
    }
  });

  it("end with the job, its answer included", async () => {
    const { all } = await finished();
    const last = JSON.parse(/data: (.*)\n\n$/.exec(all)![1]!) as Job;
    expect(last).toMatchObject({
      status: "completed",
      response: { choices: [{ message: { content: "cd" } }] },
    });
  });

  it("say nothing behind the end, and refuse an id that is none", async () => {
    const { id } = await finished();
    expect((await ingress.get(`/v1/jobs/${id}/events?starting_after=9007199254740991-1`)).statusCode).toBe(
      204,
    );
    expect((await ingress.get(`/v1/jobs/${id}/events`, { "last-event-id": "x" })).json()).toMatchObject({
      error: { code: "invalid_value", param: "Last-Event-ID" },
    });
  });
});
