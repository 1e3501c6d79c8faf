import type { Job, JobList } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem;
let first: string;
let second: string;
beforeAll(async () => {
  system = await TestSystem.start({ ingresses: 2, interTokenLatencyMs: 5 });
  [first, second] = system.ingresses.map(({ url }) => url) as [string, string];
});
afterAll(() => system?.stop());

const messages = [{ role: "user", content: "Explain a binary search in Python." }];

async function submit(maxTokens: number, extra: Record<string, unknown> = {}): Promise<Job> {
  const response = await fetch(`${first}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      endpoint: "/v1/chat/completions",
      body: { model: "auto", messages, max_tokens: maxTokens },
      ...extra,
    }),
  });
  expect(response.status).toBe(202);
  return (await response.json()) as Job;
}

async function job(url: string, id: string): Promise<Job> {
  return (await (await fetch(`${url}/v1/jobs/${id}`)).json()) as Job;
}

/** The bytes of an event stream without comments, which only tell that the connection lives. */
async function events(
  url: string,
  id: string,
  headers: Record<string, string> = {},
  query = "",
): Promise<string> {
  const response = await fetch(`${url}/v1/jobs/${id}/events${query}`, { headers });
  expect(response.status).toBe(200);
  return (await response.text()).replaceAll(/^:.*\n\n/gm, "");
}

const cancel = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/v1/jobs/${id}/cancel`, { method: "POST" });

describe("a job's events", () => {
  it("are the same bytes on any replica, during the run, after it, and resumed in the middle", async () => {
    const { id, expert, status } = await submit(120);
    expect([expert, status]).toEqual(["code", "queued"]);
    const during = [events(second, id), events(first, id)];
    await waitFor("it runs", async () => (await job(second, id)).status === "in_progress");
    const late = events(second, id);
    const [live, ...others] = await Promise.all([...during, late]);
    others.push(await events(second, id), await events(first, id));
    for (const other of others) expect(other).toBe(live);

    const blocks = (live as string).split(/(?<=\n\n)/);
    const ids = blocks.map((block) => /^id: (.+)$/m.exec(block)?.[1]);
    for (const at of [10, 60, ids.length - 2]) {
      const rest = blocks.slice(at + 1).join("");
      expect(await events(second, id, { "last-event-id": ids[at] as string })).toBe(rest);
      expect(await events(first, id, {}, `?starting_after=${ids[at]}`)).toBe(rest);
    }
  });

  it("hold the answer, and end with the job", async () => {
    const { id } = await submit(50);
    let text = "";
    let last: Job | undefined;
    for await (const { event, data } of sseEvents(await fetch(`${second}/v1/jobs/${id}/events`))) {
      if (event === "job.completed") last = JSON.parse(data) as Job;
      else
        text +=
          (JSON.parse(data) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ??
          "";
    }
    const answer = simulatedAnswer({
      seed: simulatorSeed,
      endpoint: "/v1/chat/completions",
      messages,
      maxTokens: 50,
    });
    expect(text).toBe(answer.tokens.join(""));
    expect(last).toMatchObject({
      id,
      status: "completed",
      response: { choices: [{ message: { content: text } }] },
    });
    expect(await job(first, id)).toEqual(last);
  });

  it("refuse a position that is none", async () => {
    const { id } = await submit(1);
    expect((await fetch(`${first}/v1/jobs/${id}/events?starting_after=x`)).status).toBe(400);
    expect((await fetch(`${first}/v1/jobs/req_01ARZ3NDEKTSV4RRFFQ69G5FAV/events`)).status).toBe(404);
  });
});

describe("jobs", () => {
  it("can be cancelled while they run, from any replica, again and again", async () => {
    const { id } = await submit(20_000);
    const stream = events(second, id);
    await waitFor("it runs", async () => (await system.runningAt("code")) === 1);
    expect((await cancel(second, id)).status).toBe(200);
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0, {
      timeoutMs: 1_000,
    });
    expect(await stream).toContain("event: job.cancelled");
    expect(((await (await cancel(first, id)).json()) as Job).status).toBe("cancelled");
  });

  it("that are done cannot be cancelled", async () => {
    const { id } = await submit(1);
    await waitFor("it is done", async () => (await job(first, id)).status === "completed");
    expect((await cancel(first, id)).status).toBe(409);
  });

  it("expire at their deadline, running or waiting", async () => {
    const { id } = await submit(20_000, { deadline_s: 0.4 });
    await waitFor("it is expired", async () => (await job(second, id)).status === "expired");
    expect((await job(first, id)).error).toMatchObject({ code: "deadline_exceeded" });
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0);
  });

  it("are listed newest first, page by page", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await submit(1, { metadata: { n: String(i) } })).id);
    const page = async (query: string): Promise<JobList> =>
      (await (await fetch(`${second}/v1/jobs?${query}`)).json()) as JobList;
    const newest = await page("limit=3");
    expect(newest.data.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    expect(newest.data[0]?.metadata).toEqual({ n: "4" });
    expect(newest.has_more).toBe(true);
    expect((await page(`limit=2&after=${newest.last_id}`)).data.map(({ id }) => id)).toEqual(ids.slice(3, 5));
  });
});
