/** A {@link JobRunner} on a real Redis, with engines that the test writes. */
import { newRequestId, redisKeys, type RequestId, type RequestRecord } from "@expert-router/contracts";
import type { InferenceEngine } from "@expert-router/engine";
import type { JobOutcome } from "@expert-router/queue";
import { createLogger, createMetrics } from "@expert-router/telemetry";
import { startRedis, type TestRedis } from "@expert-router/testing";
import { RedisDeadLetters, RedisRequestStore, RedisTokenPublisher } from "@expert-router/token-stream";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { AbsentFollowers } from "../absent-followers.js";
import { EngineCircuit } from "../engine-circuit.js";
import { EngineCredits } from "../engine-credits.js";
import { JobRunner } from "../job-runner.js";

export const retention = { syncMs: 60_000, jobsMs: 60_000 };
export const secret = "my secret prompt";
const noneAbsent: Pick<AbsentFollowers, "watch"> = { watch: () => () => undefined };

/** An engine whose answers are written by the test. */
export function engineOf(generate: InferenceEngine["generate"]): InferenceEngine {
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

/** Starts a Redis for the tests of one file. */
export function useJobRunner() {
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

  function runnerOf(engine: InferenceEngine, absent = noneAbsent, runTimeoutMs = 60_000): JobRunner {
    const logger = createLogger({
      name: "worker",
      level: "debug",
      destination: { write: (line) => void logLines.push(line) },
    });
    const publisher = new RedisTokenPublisher(redis, { retention });
    const metrics = createMetrics({ defaultMetrics: false });
    const circuit = new EngineCircuit();
    circuit.probed(true);
    const credits = new EngineCredits(4);
    const stored = { add: () => undefined };
    const parts = { engine, circuit, credits, publisher, deadLetters, absent, stored };
    return new JobRunner(
      { ...parts, metrics, logger },
      {
        workerId: "wrk_1",
        expert: "code",
        maxAttempts: 3,
        runTimeoutMs,
        deadKeptMs: 120_000,
        answerLimits: { maxTokens: 1_000, maxBytes: 100_000 },
      },
    );
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
      expectedTokens: 100,
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

  /** The text in the log of a request, behind the last restart. */
  async function textOf(id: RequestId): Promise<string> {
    let text = "";
    for (const [, [kind, value = ""]] of await redis.xrange(redisKeys.log(id), "-", "+")) {
      if (kind === "o" && value === "restart") text = "";
      if (kind === "d") for (const delta of JSON.parse(value)) if (typeof delta === "string") text += delta;
    }
    return text;
  }

  return {
    get redis() {
      return redis;
    },
    get store() {
      return store;
    },
    get deadLetters() {
      return deadLetters;
    },
    /** What the runners of a test have logged. */
    get logLines() {
      return logLines;
    },
    runnerOf,
    newRequest,
    runToEnd,
    textOf,
  };
}
