import { newRequestId, redisKeys, type RequestId, type RequestRecord } from "@expert-router/contracts";
import { EngineError, type EngineCall, type EngineEvent, type InferenceEngine } from "@expert-router/engine";
import type { JobOutcome } from "@expert-router/queue";
import { createLogger, createMetrics } from "@expert-router/telemetry";
import { startRedis, type TestRedis } from "@expert-router/testing";
import { RedisDeadLetters, RedisRequestStore, RedisTokenPublisher } from "@expert-router/token-stream";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EngineCircuit } from "./engine-circuit.js";
import { JobRunner } from "./job-runner.js";

const retention = { syncMs: 60_000, jobsMs: 60_000 };
const secret = "my secret prompt";
let server: TestRedis;
let redis: Redis;
let store: RedisRequestStore;
let logLines: string[];
let deadLetters: RedisDeadLetters;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  store = new RedisRequestStore(redis, { retention });
  deadLetters = new RedisDeadLetters(redis, { keptMs: 120_000 });
  logLines = [];
});

/** An engine whose answers are written by the test. */
function engineOf(generate: (call: EngineCall) => AsyncGenerator<readonly EngineEvent[]>): InferenceEngine {
  return {
    kind: "sim",
    capabilities: {
      chat: true,
      completions: true,
      continuesChat: true,
      continuesCompletion: true,
      abortsOnDisconnect: true,
      reportsUsage: true,
    },
    generate,
    healthy: async () => true,
    close: async () => undefined,
  };
}

function runnerOf(engine: InferenceEngine): JobRunner {
  const logger = createLogger({
    name: "worker",
    level: "debug",
    destination: { write: (line) => void logLines.push(line) },
  });
  const publisher = new RedisTokenPublisher(redis, { retention });
  const metrics = createMetrics({ defaultMetrics: false });
  const circuit = new EngineCircuit();
  circuit.probed(true);
  return new JobRunner(engine, circuit, publisher, deadLetters, metrics, logger, {
    workerId: "wrk_1",
    expert: "code",
    maxAttempts: 3,
    deadKeptMs: 120_000,
  });
}

async function newRequest(overrides: Partial<RequestRecord> = {}): Promise<RequestRecord> {
  const record: RequestRecord = {
    id: newRequestId(),
    kind: "job",
    endpoint: "/v1/chat/completions",
    body: { model: "auto", messages: [{ role: "user", content: secret }] },
    decision: { expert: "code", cluster: null, confidence: 1, reason: "pinned", routerVersion: null },
    tenant: "default",
    priorityClass: "async",
    createdAtMs: Date.now(),
    continuable: true,
    exposed: false,
    ...overrides,
  };
  await store.create(record);
  return record;
}

/** Runs a request as the queue would: again for as long as the outcome says so. */
async function runToEnd(runner: JobRunner, request: RequestRecord, most = 20): Promise<JobOutcome[]> {
  const outcomes: JobOutcome[] = [];
  while (outcomes.length < most) {
    const job = {
      id: request.id,
      priorityClass: request.priorityClass,
      lockLost: new AbortController().signal,
    };
    outcomes.push(await runner.run(job));
    if (outcomes.at(-1)?.type === "done") break;
  }
  return outcomes;
}

/** The text in the log of a request, behind the last restart. */
async function textOf(id: RequestId): Promise<string> {
  let text = "";
  for (const [, [kind, value = ""]] of await redis.xrange(redisKeys.log(id), "-", "+")) {
    if (kind === "o" && value === "restart") text = "";
    if (kind === "d") for (const delta of JSON.parse(value)) if (typeof delta === "string") text += delta;
  }
  return text;
}

describe("a request that an engine dies of", () => {
  it("is given up after its attempts", async () => {
    let calls = 0;
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        calls += 1;
        throw new EngineError("engine_error", "The engine closed the connection without an answer.");
      }),
    );
    const request = await newRequest();
    await runToEnd(runner, request);
    expect(calls).toBe(3);
    expect(await store.read(request.id)).toMatchObject({ status: "failed", error: { code: "engine_error" } });
    const letter = { id: request.id, expert: "code", code: "engine_error", attempts: 3 };
    expect(await deadLetters.read("code", request.id)).toMatchObject(letter);
    expect(JSON.stringify(await deadLetters.list("code"))).not.toContain(secret);
    expect((await store.read(request.id))?.body, "kept to be replayed").toEqual(request.body);
    expect(await redis.pttl(redisKeys.meta(request.id))).toBeGreaterThan(retention.jobsMs);
  });
});

describe("an engine that does not take requests in", () => {
  it("uses up no attempt, is asked less and less often, and then left alone", async () => {
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new EngineError("engine_unreachable", "The engine cannot be reached (ECONNREFUSED).");
      }),
    );
    const request = await newRequest();
    const outcomes = await runToEnd(runner, request, 6);
    expect(outcomes.map((outcome) => (outcome.type === "retry" ? outcome.delayMs : outcome.type))).toEqual([
      250,
      500,
      1_000,
      2_000,
      "hand-back",
      "hand-back",
    ]);
    expect(await store.read(request.id)).toMatchObject({ status: "in_progress", attempts: 0 });
  });
});

describe("an answer", () => {
  it("goes on behind what a failed attempt wrote, with usage of the whole", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length === 1) {
          yield [
            { type: "delta", delta: "one " },
            { type: "delta", delta: "two " },
          ];
          throw new EngineError("engine_error", "The engine broke off its answer.");
        }
        yield [{ type: "delta", delta: "three" }];
        yield [{ type: "usage", usage: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 13 } }];
      }),
    );
    const request = await newRequest({ exposed: true });
    await runToEnd(runner, request);
    expect(calls[1]?.continueBehind).toMatchObject({ text: "one two ", tokens: 2 });
    expect(await store.read(request.id)).toMatchObject({
      status: "completed",
      usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
    });
  });

  it("is continued in front of a stop string that had begun, so that the engine sees all of it", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length === 1) {
          for (const delta of ["one ", "two E", "N"]) yield [{ type: "delta", delta }];
          throw new EngineError("engine_error", "The engine broke off its answer.");
        }
        yield [
          { type: "delta", delta: "two " },
          { type: "delta", delta: { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] } },
        ];
      }),
    );
    const request = await newRequest({ exposed: true, body: { messages: [], stop: ["END", "x"] } });
    await runToEnd(runner, request);
    expect(calls[1]?.continueBehind).toEqual({ text: "one ", tokens: 1 });
    expect(await textOf(request.id)).toBe("one two ");
  });

  it("that is whole but for its terminal entry is closed, also where it could not be continued", async () => {
    const publisher = new RedisTokenPublisher(redis, { retention });
    const request = await newRequest({ exposed: true, continuable: false });
    const { writer } = await publisher.open(request.id, { workerId: "wrk_0", continues: [] });
    writer?.append({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] });
    writer?.append({ choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] });
    await writer?.release();
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new Error("the engine is not to be asked");
      }),
    );
    await runToEnd(runner, request);
    expect((await store.read(request.id))?.status).toBe("completed");
  });

  it.each([
    [false, { status: "completed" }, "whole"],
    [true, { status: "failed", error: { code: "stream_interrupted" } }, "half "],
  ])("with more than text in it starts over unless somebody saw it (%s)", async (exposed, end, text) => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length > 1) return yield [{ type: "delta", delta: "whole" }];
        yield [
          { type: "delta", delta: { choices: [{ index: 0, delta: { reasoning_content: "Hm." } }] } },
          { type: "delta", delta: "half " },
        ];
        throw new EngineError("engine_error", "The engine broke off its answer.");
      }),
    );
    const request = await newRequest({ exposed });
    await runToEnd(runner, request);
    expect(calls.map((call) => call.continueBehind)).toEqual(exposed ? [undefined] : [undefined, undefined]);
    expect(await store.read(request.id)).toMatchObject(end);
    expect(await textOf(request.id)).toBe(text);
  });

  it("counts the tokens of an engine that puts several in a delta, once it has seen a usage", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        for (let i = 0; i < 20; i += 1) yield [{ type: "delta", delta: "ab" }];
        if (calls.length === 2) throw new EngineError("engine_error", "The engine broke off its answer.");
        yield [{ type: "usage", usage: { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 } }];
      }),
    );
    await runToEnd(runner, await newRequest());
    const broken = await newRequest();
    await runToEnd(runner, broken);
    expect(calls[2]?.continueBehind?.tokens).toBe(40);
    expect((await store.read(broken.id))?.usage).toEqual({
      prompt_tokens: 20,
      completion_tokens: 80,
      total_tokens: 100,
    });
  });

  it("is not reported whole when Redis refused a part of it", async () => {
    let calls = 0;
    const runner = runnerOf(
      engineOf(async function* () {
        calls += 1;
        if (calls === 1) {
          await redis.config("SET", "maxmemory", "1");
          yield [{ type: "delta", delta: "refused" }];
          await new Promise((resolve) => setTimeout(resolve, 50));
          await redis.config("SET", "maxmemory", "0");
          return;
        }
        yield [{ type: "delta", delta: "taken" }];
      }),
    );
    const request = await newRequest();
    const outcomes = await runToEnd(runner, request);
    expect(outcomes.map(({ type }) => type)).toEqual(["retry", "done"]);
    expect((await store.read(request.id))?.status).toBe("completed");
  });
});

describe("the log of the process", () => {
  it("never repeats what an engine says, which may be the prompt", async () => {
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new EngineError("engine_rejected", `bad input: ${secret}`, { upstreamStatus: 400 });
      }),
    );
    const request = await newRequest();
    await runToEnd(runner, request);
    expect((await store.read(request.id))?.error?.message).toContain(secret);
    // What the engine refuses is the client's to mend: no dead letter, and the body goes.
    expect(await deadLetters.read("code", request.id)).toBeUndefined();
    expect((await store.read(request.id))?.body).toEqual({});
    expect(logLines.join("")).toContain("engine_rejected");
    expect(logLines.join("")).not.toContain(secret);
  });
});
