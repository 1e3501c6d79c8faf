import { newRequestId, redisKeys, type Job, type RequestId } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { connectRedis } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Child } from "../support/child.js";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem;
afterEach(() => system?.stop());

const headers = { "content-type": "application/json" };

function newBody(maxTokens: number): { body: Record<string, unknown>; expected: string } {
  const messages = [{ role: "user", content: `Write a program. ${newRequestId()}` }];
  const answer = simulatedAnswer({
    seed: simulatorSeed,
    endpoint: "/v1/chat/completions",
    messages,
    maxTokens,
  });
  return { body: { model: "code", max_tokens: maxTokens, messages }, expected: answer.tokens.join("") };
}

async function submit(url: string, body: object): Promise<RequestId> {
  const request = JSON.stringify({ endpoint: "/v1/chat/completions", body });
  const response = await fetch(`${url}/v1/jobs`, { method: "POST", headers, body: request });
  expect(response.status).toBe(202);
  return ((await response.json()) as Job).id as RequestId;
}

async function readJob(url: string, id: string): Promise<Job> {
  return (await (await fetch(`${url}/v1/jobs/${id}`)).json()) as Job;
}

function stream(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify({ ...body, stream: true }),
  });
}

async function readStream(response: Response): Promise<{ text: string; end: string }> {
  let text = "";
  let end = "";
  for await (const { data } of sseEvents(response)) {
    if (data === "[DONE]") {
      end = "done";
      continue;
    }
    const chunk = JSON.parse(data) as {
      error?: { code: string };
      choices?: { delta: { content?: string } }[];
    };
    if (chunk.error !== undefined) end = chunk.error.code;
    text += chunk.choices?.[0]?.delta.content ?? "";
  }
  return { text, end };
}

/** Terminal entries in the log of a request. */
async function terminals(id: RequestId): Promise<number> {
  const redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
  const entries = await redis.xrange(redisKeys.log(id), "-", "+");
  redis.disconnect();
  return entries.filter(([, fields]) => fields[0] === "t").length;
}

describe("a cancel", () => {
  it("sent a hundred times at once to two replicas ends a job once, and all answers are the same", async () => {
    const config = {
      scheduling: { classes: { interactive: { max_queued: 100 }, async: { max_queued: 100 } } },
    };
    const env = { WORKER_CONCURRENCY: "1" };
    system = await TestSystem.start({
      experts: { code: ["code"] },
      ingresses: 2,
      interTokenLatencyMs: 10,
      config,
      env,
    });
    const running = await submit(system.url, newBody(5_000).body);
    await waitFor("it runs", async () => (await readJob(system.url, running)).status === "in_progress");
    const waiting = await submit(system.url, newBody(5_000).body);
    for (const id of [waiting, running]) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const { url } = system.ingresses[i % 2]!;
          const response = await fetch(`${url}/v1/jobs/${id}/cancel`, { method: "POST" });
          return `${response.status} ${await response.text()}`;
        }),
      );
      expect([...new Set(answers)]).toHaveLength(1);
      expect(answers[0]).toMatch(/^200 .*"status":"cancelled"/);
      expect(await terminals(id)).toBe(1);
    }
    await waitFor("the engine is idle", async () => (await system.runningAt("code")) === 0);
    // Counted a few times a second.
    const isEmpty = async (): Promise<boolean> =>
      Object.values((await system.experts())[0]!.queue_depth).every((depth) => depth === 0);
    await waitFor("nothing waits", isEmpty);
  });
});

describe("an ingress that is killed", () => {
  it("leaves no sync request running for long, and all of its jobs", async () => {
    system = await TestSystem.start({ experts: { code: ["code"] }, ingresses: 2, interTokenLatencyMs: 20 });
    const [killed, other] = system.ingresses as [{ url: string; process: Child }, { url: string }];
    const open = await stream(killed.url, newBody(5_000).body);
    const ended = readStream(open).catch(() => undefined);
    const job = newBody(1_000);
    const id = await submit(killed.url, job.body);
    await waitFor("both run", async () => (await system.runningAt("code")) === 2);
    killed.process.kill("SIGKILL");
    await ended;
    const isOver = async (): Promise<boolean> => (await system.runningAt("code")) === 1;
    await waitFor("the sync request is over", isOver, { timeoutMs: 30_000, intervalMs: 200 });
    expect(await terminals(open.headers.get("x-request-id") as RequestId)).toBe(1);
    expect((await readJob(other.url, id)).status).toBe("in_progress");
  });
});

describe("an ingress and a worker that are told to end under load", () => {
  it("lose no token and no job, and are gone within ten seconds", async () => {
    system = await TestSystem.start({
      experts: { code: ["code"] },
      ingresses: 2,
      workersPerExpert: 2,
      interTokenLatencyMs: 20,
    });
    const [leaves, stays] = system.ingresses as [{ url: string; process: Child }, { url: string }];
    const worker = system.workers[0]!.process;
    const requests = Array.from({ length: 30 }, (_, i) => newBody(i % 3 === 0 ? 600 : 150));
    const jobs = Array.from({ length: 10 }, () => newBody(500));
    const streams = requests.map(async ({ body }, i) =>
      readStream(await stream((i % 2 === 0 ? leaves : stays).url, body)),
    );
    const ids = await Promise.all(
      jobs.map(({ body }, i) => submit((i % 2 === 0 ? leaves : stays).url, body)),
    );
    await waitFor("all run", async () => (await system.runningAt("code")) === 40, { timeoutMs: 10_000 });
    const toldAtMs = performance.now();
    leaves.process.kill("SIGTERM");
    worker.kill("SIGTERM");
    expect(await Promise.all([leaves.process.exited(), worker.exited()])).toEqual([0, 0]);
    expect(performance.now() - toldAtMs).toBeLessThan(10_000);
    for (const [i, { text, end }] of (await Promise.all(streams)).entries()) {
      const { expected } = requests[i]!;
      // The one that ends gives up what lasts longer than it may: it says so, behind a true beginning.
      if (end === "shutting_down") expect([i % 2, i % 3, expected.startsWith(text)]).toEqual([0, 0, true]);
      else expect([end, text]).toEqual(["done", expected]);
    }
    for (const [i, id] of ids.entries()) {
      let job: Job | undefined;
      const isOver = async (): Promise<boolean> =>
        (job = await readJob(stays.url, id)).status === "completed";
      await waitFor("the job's end", isOver, { timeoutMs: 20_000, intervalMs: 50 });
      const response = job?.response as { choices: { message: { content: string } }[] };
      expect(response.choices[0]?.message.content).toBe(jobs[i]?.expected);
    }
  });
});

describe("a worker that is told to end while Redis is away", () => {
  it("gives its jobs to others as soon as Redis is back", async () => {
    const env = { DRAIN_TIMEOUT_MS: "6000" };
    system = await TestSystem.start({ experts: { code: ["code"] }, interTokenLatencyMs: 20, env });
    const { body, expected } = newBody(300);
    const id = await submit(system.url, body);
    await waitFor("it runs", async () => (await system.runningAt("code")) === 1);
    const [worker] = system.workers.splice(0, 1);
    system.redis.kill("SIGSTOP");
    worker!.process.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    system.redis.kill("SIGCONT");
    expect(await worker!.process.exited()).toBe(0);
    expect(worker!.process.log, "its patience began when it was told").not.toContain("deadline passed");
    system.startWorker("code");
    const isOver = async (): Promise<boolean> => (await readJob(system.url, id)).status === "completed";
    await waitFor("the job's end", isOver, { timeoutMs: 25_000, intervalMs: 100 });
    const response = (await readJob(system.url, id)).response as {
      choices: { message: { content: string } }[];
    };
    expect(response.choices[0]?.message.content).toBe(expected);
  });
});
