import { createHash } from "node:crypto";
import { newRequestId, type Job } from "@expert-router/contracts";
import { connectRedis, type RedisClient } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { RedisIdempotencyKeys } from "@expert-router/token-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

let system: TestSystem;
let redis: RedisClient;
let urls: string[];
beforeAll(async () => {
  system = await TestSystem.start({
    experts: { general: ["general"] },
    ingresses: 2,
    timeToFirstTokenMs: 300,
    interTokenLatencyMs: 10,
  });
  urls = system.ingresses.map(({ url }) => url);
  redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
});
afterAll(async () => {
  redis?.disconnect();
  await system?.stop();
});

const body = (more: object = {}) => ({
  model: "general",
  messages: [{ role: "user", content: "Why is the sky blue?" }],
  max_tokens: 30,
  ...more,
});

function post(url: string, path: string, content: object, key: string): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(content),
  });
}

/** Requests that the engine has answered so far. */
async function engineCalls(): Promise<number> {
  const metrics = await (await fetch(`${system.engine("general").url}/metrics`)).text();
  const count = (name: string): number => Number(new RegExp(`^${name}{[^}]*} (\\d+)`, "m").exec(metrics)![1]);
  return count("vllm:request_success_total") + count("engine_sim:requests_abandoned_total");
}

describe("the same key 100 times at once, at two replicas", () => {
  it("is one engine call and 100 equal answers", async () => {
    const before = await engineCalls();
    const sent = Array.from({ length: 100 }, (_, i) =>
      post(urls[i % 2]!, "/v1/chat/completions", body(), "hundred"),
    );
    const responses = await Promise.all(sent);
    const texts = await Promise.all(responses.map((response) => response.text()));
    expect(responses.map(({ status }) => status)).toEqual(texts.map(() => 200));
    expect(new Set(texts).size).toBe(1);
    expect(JSON.parse(texts[0]!)).toMatchObject({
      object: "chat.completion",
      usage: { completion_tokens: 30 },
    });
    const later = await post(urls[1]!, "/v1/chat/completions", body(), "hundred");
    expect(await later.text()).toBe(texts[0]);
    expect(await engineCalls()).toBe(before + 1);
    const other = await post(urls[0]!, "/v1/chat/completions", body({ max_tokens: 31 }), "hundred");
    expect(other.status).toBe(422);
  });

  it("is one stream that all read from its start, whenever they come", async () => {
    const before = await engineCalls();
    const streamed = body({ stream: true, max_tokens: 60 });
    const stream = async (i: number): Promise<string> => {
      const response = await post(urls[i % 2]!, "/v1/chat/completions", streamed, "stream");
      return (await response.text()).replaceAll(/^:.*\n\n/gm, "");
    };
    const early = Array.from({ length: 20 }, (_, i) => stream(i));
    await waitFor("it runs", async () => (await system.runningAt("general")) === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const texts = await Promise.all([...early, stream(0), stream(1)]);
    texts.push(await stream(0));
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain("data: [DONE]");
    expect(await engineCalls()).toBe(before + 1);
  });

  it("is one job", async () => {
    const before = await engineCalls();
    const submission = { endpoint: "/v1/chat/completions", body: body() };
    const sent = Array.from({ length: 50 }, (_, i) => post(urls[i % 2]!, "/v1/jobs", submission, "job"));
    const ids = await Promise.all(sent.map(async (response) => ((await (await response).json()) as Job).id));
    expect(new Set(ids).size).toBe(1);
    await waitFor("it is done", async () => (await engineCalls()) === before + 1);
    const job = (await (await post(urls[1]!, "/v1/jobs", submission, "job")).json()) as Job;
    expect([job.id, job.status]).toEqual([ids[0], "completed"]);
  });
});

describe("a request with a key", () => {
  it("outlives its client, who gets the answer by sending it again", async () => {
    const before = await engineCalls();
    const leaving = new AbortController();
    const first = fetch(`${urls[0]}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "leaves" },
      body: JSON.stringify(body({ max_tokens: 80 })),
      signal: leaving.signal,
    });
    await waitFor("it runs", async () => (await system.runningAt("general")) === 1);
    leaving.abort();
    await first.catch(() => undefined);
    const again = await post(urls[1]!, "/v1/chat/completions", body({ max_tokens: 80 }), "leaves");
    expect(await again.json()).toMatchObject({ usage: { completion_tokens: 80 } });
    expect(await engineCalls()).toBe(before + 1);
  });

  it("outlives its ingress", async () => {
    const before = await engineCalls();
    const doomed = await system.startIngress();
    const content = body({ max_tokens: 400 });
    const first = post(doomed, "/v1/chat/completions", content, "killed");
    first.catch(() => undefined);
    await waitFor("it runs", async () => (await system.runningAt("general")) === 1);
    await system.ingresses.at(-1)!.process.end();
    await expect(first).rejects.toThrow();
    const again = await post(urls[0]!, "/v1/chat/completions", content, "killed");
    expect(await again.json()).toMatchObject({ usage: { completion_tokens: 400 } });
    expect(await engineCalls()).toBe(before + 1);
  });

  it("is put in by the next one when its ingress dies between claim and queue", async () => {
    // What such an ingress leaves: a claim that nobody makes.
    const keys = new RedisIdempotencyKeys(redis, { leaseMs: 1_000 });
    const id = newRequestId();
    const content = { max_tokens: 5, messages: body().messages, model: "general" };
    const fingerprint = createHash("sha256")
      .update(
        `/v1/chat/completions\n${JSON.stringify({ ...content, messages: [{ content: "Why is the sky blue?", role: "user" }] })}`,
      )
      .digest("hex");
    await keys.claim({ tenant: "default", key: "orphan", fingerprint, id, owner: "dead", ttlMs: 60_000 });
    const answers = await Promise.all(
      [0, 1, 0, 1].map(async (i) => (await post(urls[i]!, "/v1/chat/completions", content, "orphan")).json()),
    );
    expect(answers.map((answer) => (answer as { id: string }).id)).toEqual([id, id, id, id]);
  });
});
