import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { newRequestId, redisKeys, type Job, type RequestId } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { connectRedis } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem;
let redis: ReturnType<typeof connectRedis>;

beforeEach(async () => {
  system = await TestSystem.start({ experts: { code: ["code"] }, interTokenLatencyMs: 10 });
  redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
});
afterEach(async () => {
  redis.disconnect();
  await system.stop();
});

const headers = { "content-type": "application/json" };

function newBody(maxTokens: number): { body: Record<string, unknown>; expected: string } {
  const messages = [{ role: "user", content: `Write a program. ${newRequestId()}` }];
  const endpoint = "/v1/chat/completions";
  const answer = simulatedAnswer({ seed: simulatorSeed, endpoint, messages, maxTokens });
  return { body: { model: "code", max_tokens: maxTokens, messages }, expected: answer.tokens.join("") };
}

function post(body: object): Promise<Response> {
  return fetch(`${system.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
}

async function whole(body: object): Promise<string> {
  const answer = (await (await post(body)).json()) as { choices?: { message: { content: string } }[] };
  return answer.choices?.[0]?.message.content ?? JSON.stringify(answer);
}

async function streamed(body: object): Promise<{ text: string; end: string }> {
  let text = "";
  for await (const { data } of sseEvents(await post({ ...body, stream: true }))) {
    if (data === "[DONE]") return { text, end: "done" };
    const chunk = JSON.parse(data) as {
      error?: { code: string };
      choices: { delta: { content?: string } }[];
    };
    if (chunk.error !== undefined) return { text, end: chunk.error.code };
    text += chunk.choices[0]?.delta.content ?? "";
  }
  return { text, end: "cut" };
}

/** Ids of the requests that have a record, but for `known`. */
async function requests(known: readonly string[] = []): Promise<RequestId[]> {
  const keys = await redis.keys("er:{req_*}:meta");
  return keys.map((key) => key.slice(4, 34) as RequestId).filter((id) => !known.includes(id));
}

async function whenRunning(count: number): Promise<void> {
  await waitFor("running", async () => (await system.runningAt("code")) === count, { intervalMs: 20 });
}

describe("a request whose keys are gone", () => {
  it("is run again if nobody saw a part of it, and says so if somebody did", async () => {
    const [plain, seen] = [newBody(200), newBody(400)];
    const answers = Promise.all([whole(plain.body), streamed(seen.body)]);
    await whenRunning(2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const id of await requests())
      await redis.del(redisKeys.meta(id)).then(() => redis.del(redisKeys.log(id), `er:{code}:${id}`));
    const [text, { text: beginning, end }] = await answers;
    expect(text).toBe(plain.expected);
    expect(end).toBe("stream_interrupted");
    expect(beginning).not.toBe("");
    expect(seen.expected.startsWith(beginning)).toBe(true);
    await whenRunning(0);
  });

  it("is put back when only the queue lost it: one that a client waits for, and a job", async () => {
    system.engine("code").process.kill("SIGSTOP");
    const [sync, job] = [newBody(50), newBody(50)];
    const answer = streamed(sync.body);
    const submission = { endpoint: "/v1/chat/completions", body: job.body };
    const response = await fetch(`${system.url}/v1/jobs`, {
      method: "POST",
      headers,
      body: JSON.stringify(submission),
    });
    const { id } = (await response.json()) as Job;
    await waitFor("both records", async () => (await requests()).length === 2);
    // The worker is gone with what it had taken, and so are the entries.
    await system.workers[0]!.process.end();
    for (const each of await requests()) {
      await redis.del(`er:{code}:${each}`, `er:{code}:${each}:lock`);
      await redis.lrem("er:{code}:active", 0, each);
      await redis.lrem("er:{code}:wait", 0, each);
      await redis.zrem("er:{code}:prioritized", each);
    }
    await redis.zadd(redisKeys.openJobs("code"), "XX", 0, id);
    system.engine("code").process.kill("SIGCONT");
    system.startWorker("code");
    expect(await answer).toEqual({ text: sync.expected, end: "done" });
    let now: Job | undefined;
    const isOver = async (): Promise<boolean> => {
      now = (await (await fetch(`${system.url}/v1/jobs/${id}`)).json()) as Job;
      return now.status === "completed";
    };
    await waitFor("the job's end", isOver, { timeoutMs: 20_000, intervalMs: 50 });
    expect(now?.response).toMatchObject({ choices: [{ message: { content: job.expected } }] });
    await waitFor(
      "no open job",
      async () => {
        await redis.zadd(redisKeys.openJobs("code"), "XX", 0, id);
        return (await redis.exists(redisKeys.openJobs("code"))) === 0;
      },
      { timeoutMs: 10_000, intervalMs: 200 },
    );
  });
});

/** The append-only file that Redis writes now. */
async function appendOnlyFile(): Promise<string> {
  const folder = /"(\/[^"]+)"/.exec(JSON.stringify(await redis.config("GET", "dir")))![1]!;
  const files = join(folder, "appendonlydir");
  return join(
    files,
    readdirSync(files).find((name) => name.includes(".incr."))!,
  );
}

describe("a Redis that comes back without its last writes", () => {
  it("loses no request that a client waits for and has seen nothing of", async () => {
    // Nothing is answered before Redis is lost, and nobody has seen a token.
    system.engine("code").process.kill("SIGSTOP");
    const file = await appendOnlyFile();
    const kept = statSync(file).size;
    const bodies = Array.from({ length: 10 }, () => newBody(100));
    const answers = Promise.all(
      bodies.map(({ body }, i) => (i % 2 === 0 ? whole(body) : streamed(body).then(({ text }) => text))),
    );
    await waitFor("all records", async () => (await requests()).length === 10);
    system.redis.kill("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 200));
    truncateSync(file, kept);
    await system.redis.restart();
    system.engine("code").process.kill("SIGCONT");
    expect(await answers).toEqual(bodies.map(({ expected }) => expected));
    await whenRunning(0);
  });
});
