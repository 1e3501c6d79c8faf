import { newRequestId, redisKeys, type RequestId } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { connectRedis } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Child } from "../support/child.js";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const maxTokens = 150;

function promptBody(stream: boolean): { body: string; expected: string } {
  const messages = [{ role: "user", content: `Write a function. ${newRequestId()}` }];
  const answer = simulatedAnswer({
    seed: simulatorSeed,
    endpoint: "/v1/chat/completions",
    messages,
    maxTokens,
  });
  const body = { model: "code", stream, max_tokens: maxTokens, messages };
  return { body: JSON.stringify(body), expected: answer.tokens.join("") };
}

interface Streamed {
  text: string;
  ids: Set<string>;
  done: boolean;
  error?: unknown;
}

async function follow(url: string, body: string, onToken?: (count: number) => void): Promise<Streamed> {
  const response = await post(url, body);
  const result: Streamed = { text: "", ids: new Set(), done: false };
  let count = 0;
  for await (const { data } of sseEvents(response)) {
    if (data === "[DONE]") {
      result.done = true;
      continue;
    }
    const chunk = JSON.parse(data) as {
      id: string;
      error?: unknown;
      choices: { delta: { content?: string } }[];
    };
    if (chunk.error !== undefined) {
      result.error = chunk.error;
      continue;
    }
    result.ids.add(chunk.id);
    result.text += chunk.choices[0]?.delta.content ?? "";
    onToken?.(++count);
  }
  return result;
}

function post(url: string, body: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
}

const slow = { experts: { code: ["code"] }, interTokenLatencyMs: 10 };

describe("a worker that dies in the middle of answers", () => {
  it("loses and repeats nothing: another one continues each stream", async () => {
    system = await TestSystem.start({ ...slow, workersPerExpert: 2 });
    const victim = system.workers[0]?.process as Child;
    const requests = Array.from({ length: 20 }, () => promptBody(true));
    const streams = requests.map(({ body }, i) =>
      follow((system as TestSystem).url, body, (count) => {
        if (i === 0 && count === 40) victim.kill("SIGKILL");
      }),
    );
    for (const [i, { text, ids, done, error }] of (await Promise.all(streams)).entries()) {
      expect(error).toBeUndefined();
      expect(text).toBe(requests[i]?.expected);
      expect(done).toBe(true);
      expect(ids.size).toBe(1);
    }
  });

  it("leaves its answers to a worker that is started later", async () => {
    system = await TestSystem.start(slow);
    const victim = system.workers[0]?.process as Child;
    const request = promptBody(true);
    const answer = await follow(system.url, request.body, (count) => {
      if (count !== 30) return;
      victim.kill("SIGKILL");
      system?.startWorker("code");
    });
    expect(answer).toMatchObject({ text: request.expected, done: true });
  });

  it("gives a plain answer whole, once", async () => {
    system = await TestSystem.start({ ...slow, workersPerExpert: 2 });
    const requests = Array.from({ length: 6 }, () => promptBody(false));
    const answers = requests.map(async ({ body }) => (await post((system as TestSystem).url, body)).json());
    await waitFor("all running", async () => (await system?.runningAt("code")) === 6);
    system.workers[0]?.process.kill("SIGKILL");
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      const { choices, usage } = answer as {
        choices: { message: { content: string } }[];
        usage: { completion_tokens: number };
      };
      expect(choices[0]?.message.content).toBe(requests[i]?.expected);
      expect(usage.completion_tokens).toBe(maxTokens);
    }
  });
});

describe("a worker that is told to end", () => {
  it("lets short answers end, takes no further one, and exits by itself", async () => {
    system = await TestSystem.start({ ...slow, workersPerExpert: 2 });
    const first = system.workers[0]?.process as Child;
    const requests = Array.from({ length: 10 }, () => promptBody(true));
    const streams = requests.map(({ body }, i) =>
      follow((system as TestSystem).url, body, (count) => {
        if (i === 0 && count === 20) first.kill("SIGTERM");
      }),
    );
    for (const [i, answer] of (await Promise.all(streams)).entries()) {
      expect(answer).toMatchObject({ text: requests[i]?.expected, done: true });
    }
    expect(await first.exited()).toBe(0);
  });

  it("hands long answers back, to be continued elsewhere", async () => {
    system = await TestSystem.start({ ...slow, interTokenLatencyMs: 60, workersPerExpert: 2 });
    const requests = Array.from({ length: 4 }, () => promptBody(true));
    const streams = requests.map(({ body }) => follow((system as TestSystem).url, body));
    await waitFor("all running", async () => (await system?.runningAt("code")) === 4);
    const first = system.workers[0]?.process as Child;
    first.kill("SIGTERM");
    expect(await first.exited()).toBe(0);
    for (const [i, answer] of (await Promise.all(streams)).entries()) {
      expect(answer).toMatchObject({ text: requests[i]?.expected, done: true });
    }
  });
});

describe("a worker that freezes past its heartbeat and thaws", () => {
  it("writes nothing more, and the answer goes on elsewhere", async () => {
    system = await TestSystem.start({ ...slow, workersPerExpert: 2 });
    const requests = Array.from({ length: 6 }, () => promptBody(true));
    const streams = requests.map(({ body }) => follow((system as TestSystem).url, body));
    await waitFor("all running", async () => (await system?.runningAt("code")) === 6);
    const frozen = system.workers[0]?.process as Child;
    frozen.kill("SIGSTOP");
    setTimeout(() => frozen.kill("SIGCONT"), 4_000);
    for (const [i, answer] of (await Promise.all(streams)).entries()) {
      expect(answer).toMatchObject({ text: requests[i]?.expected, done: true });
    }
    await waitFor(
      "engine calls of the zombie are aborted",
      async () => (await system?.runningAt("code")) === 0,
      {
        timeoutMs: 8_000,
      },
    );
  });

  it("is cut off from an engine call that another worker has finished meanwhile", async () => {
    system = await TestSystem.start(slow);
    const redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
    const { body, expected } = promptBody(true);
    // The first attempt's engine hangs half way, for as long as its worker holds the line.
    const hanging = JSON.stringify({ ...(JSON.parse(body) as object), x_sim_fault: "once:hang-mid" });
    const zombie = system.workers[0]?.process as Child;
    const answer = await follow(system.url, hanging, (count) => {
      if (count !== maxTokens / 2) return;
      // Nothing of it is on its way when it freezes, so that no refused write can tell it.
      setTimeout(() => zombie.kill("SIGSTOP"), 500);
      system?.startWorker("code");
    });
    expect(answer).toMatchObject({ text: expected, done: true });
    expect(await system.runningAt("code"), "the engine still works for the zombie").toBe(1);
    const logKey = redisKeys.log([...answer.ids][0]?.replace(/^.*(req_)/, "$1") as RequestId);
    const before = await redis.xrange(logKey, "-", "+");
    expect(before.length).toBeGreaterThan(2);

    zombie.kill("SIGCONT");
    await waitFor("its engine call is aborted", async () => (await system?.runningAt("code")) === 0, {
      timeoutMs: 5_000,
    });
    expect(await redis.xrange(logKey, "-", "+")).toEqual(before);
    redis.disconnect();
  });
});
