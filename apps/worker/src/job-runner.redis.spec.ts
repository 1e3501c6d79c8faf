import { newRequestId, type RequestRecord } from "@expert-router/contracts";
import { EngineError, type EngineCall, type InferenceEngine } from "@expert-router/engine";
import type { JobOutcome } from "@expert-router/queue";
import { createLogger, createMetrics } from "@expert-router/telemetry";
import { startRedis, type TestRedis } from "@expert-router/testing";
import { RedisFollowerRegistry, RedisRequestStore, RedisTokenPublisher } from "@expert-router/token-stream";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AbsentFollowers } from "./absent-followers.js";
import { JobRunner } from "./job-runner.js";

const retention = { syncMs: 60_000, jobsMs: 60_000 };
const secret = "my secret prompt";
let server: TestRedis;
let redis: Redis;
let store: RedisRequestStore;
let logLines: string[];

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
  logLines = [];
});

const noneAbsent: Pick<AbsentFollowers, "watch"> = { watch: () => () => undefined };

/** An engine whose answers are written by the test. */
function engineOf(generate: InferenceEngine["generate"]): InferenceEngine {
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

function runnerOf(engine: InferenceEngine, absent = noneAbsent): JobRunner {
  const logger = createLogger({
    name: "worker",
    level: "debug",
    destination: { write: (line) => void logLines.push(line) },
  });
  const publisher = new RedisTokenPublisher(redis, { retention });
  const metrics = createMetrics({ defaultMetrics: false });
  return new JobRunner(engine, publisher, absent, { add: () => undefined }, metrics, logger, {
    workerId: "wrk_1",
    expert: "code",
    maxAttempts: 3,
    answerLimits: { maxTokens: 1_000, maxBytes: 100_000 },
  });
}

async function newRequest(
  overrides: Partial<RequestRecord> = {},
  liveChannel?: string,
): Promise<RequestRecord> {
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
  await store.create(record, liveChannel);
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
  });
});

describe("an engine that does not take requests in", () => {
  it("uses up no attempt, and is asked less and less often", async () => {
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new EngineError("engine_unreachable", "The engine cannot be reached (ECONNREFUSED).");
      }),
    );
    const request = await newRequest();
    const delays = (await runToEnd(runner, request, 8)).map((outcome) =>
      outcome.type === "retry" ? outcome.delayMs : -1,
    );
    expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
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

describe("an engine that never stops", () => {
  it.each([
    ["tokens", "x", 1_000],
    ["MB", "x".repeat(1_000), 100],
  ])("is stopped at the greatest number of %s", async (_unit, delta, count) => {
    let isOver = false;
    const engine = engineOf(async function* () {
      try {
        for (;;) yield [{ type: "delta", delta }];
      } finally {
        isOver = true;
      }
    });
    const request = await newRequest({ exposed: true });
    await runToEnd(runnerOf(engine), request);
    expect(isOver).toBe(true);
    const state = await store.read(request.id);
    expect(state).toMatchObject({ status: "failed", error: { code: "answer_too_long" }, attempts: 1 });
    const entries = await redis.xrange(`er:{${request.id}}:log`, "-", "+");
    const written = entries.flatMap(([, [kind, json]]) =>
      kind === "d" ? (JSON.parse(json ?? "") as string[]) : [],
    );
    expect(written).toHaveLength(count);
  });
});

describe("a request whose ingress was killed", () => {
  const channel = "er:live:killed";

  /** Watches as a worker does, in a hurry. */
  function hasty(): AbsentFollowers {
    const times = { lookMs: 50, patienceMs: 300 };
    return new AbsentFollowers(new RedisFollowerRegistry(redis), () => undefined, times);
  }

  /** Answers until it is stopped. */
  const endless = engineOf(async function* (_call, signal) {
    while (!signal?.aborted) {
      yield [{ type: "delta", delta: "on and on " }];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    signal.throwIfAborted();
  });

  it("is cancelled, while it runs and while it waits; a job goes on", async () => {
    await new RedisFollowerRegistry(redis).beat(channel);
    const absent = hasty();
    absent.start();
    const runner = runnerOf(endless, absent);
    const sync = await newRequest({ kind: "sync", exposed: true }, channel);
    const job = await newRequest({}, channel);
    const startedAtMs = performance.now();
    const jobRuns = runToEnd(runner, job);
    await runToEnd(runner, sync);
    expect(performance.now() - startedAtMs).toBeGreaterThan(300);
    expect((await store.read(sync.id))?.status).toBe("cancelled");
    let calls = 0;
    // eslint-disable-next-line require-yield
    const never = engineOf(async function* () {
      calls += 1;
    });
    const waited = await newRequest({ kind: "sync" }, channel);
    await runToEnd(runnerOf(never, absent), waited);
    expect((await store.read(waited.id))?.status).toBe("cancelled");
    expect(calls).toBe(0);
    expect((await store.read(job.id))?.status).toBe("in_progress");
    await store.close(job.id, { status: "cancelled" });
    await jobRuns;
    absent.stop();
  });

  it("is left alone while its ingress beats", async () => {
    const registry = new RedisFollowerRegistry(redis);
    await registry.beat(channel);
    const beating = setInterval(() => void registry.beat(channel), 50);
    const absent = hasty();
    absent.start();
    const sync = await newRequest({ kind: "sync", exposed: true }, channel);
    const runs = runToEnd(runnerOf(endless, absent), sync);
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect((await store.read(sync.id))?.status).toBe("in_progress");
    clearInterval(beating);
    await runs;
    expect((await store.read(sync.id))?.status).toBe("cancelled");
    absent.stop();
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
    expect(logLines.join("")).toContain("engine_rejected");
    expect(logLines.join("")).not.toContain(secret);
  });
});
