import type { Job, PriorityClass, RequestId } from "@expert-router/contracts";
import { awaitReady, connectRedis } from "@expert-router/redis";
import { RedisRequestStore } from "@expert-router/token-stream";
import { afterEach, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

/** Seconds that each part measures; more makes the figures firmer. */
const measuredS = Number(process.env["ADMISSION_SECONDS"] ?? 4);
const warmUpS = 3;
/** Where several classes wait: each other one's arrivals are known after a dozen seconds. */
const mixedWarmUpS = 15;

let system: TestSystem | undefined;
afterEach(() => system?.stop());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers of 200 to 600 ms on four places: about ten a second. */
async function start(scheduling: object = {}): Promise<TestSystem> {
  system = await TestSystem.start({
    interTokenLatencyMs: 10,
    engine: { concurrency: 4 },
    config: { scheduling },
  });
  await system.whenWorkersAre(1);
  return system;
}

/** Figures for whoever measures. */
function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

let serial = 0;
function body(): object {
  const content = `Question ${serial++}`;
  return { model: "code", messages: [{ role: "user", content }], max_tokens: 20 + ((serial * 13) % 41) };
}

function submit(url: string, priority: PriorityClass, request = body()): Promise<Response> {
  return fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoint: "/v1/chat/completions", body: request, priority }),
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Keeps `depth` jobs of a class waiting; answers the relative errors of what was foretold on submission. */
async function errorsOfEta(
  url: string,
  redisUrl: string,
  priority: PriorityClass,
  depth: number,
  settleS = warmUpS,
): Promise<number[]> {
  const redis = connectRedis(redisUrl, {
    name: "admission-test",
    mode: "fail-fast",
    onError: () => undefined,
  });
  await awaitReady(redis, 5_000);
  const store = new RedisRequestStore(redis, { retention: { syncMs: 1, jobsMs: 1 } });
  const begin = Date.now();
  const open = new Map<string, { etaS: number | null; measured: boolean; atMs: number }>();
  const errors: number[] = [];
  try {
    for (;;) {
      const elapsedS = (Date.now() - begin) / 1_000;
      const isSubmitting = elapsedS < settleS + measuredS;
      while (isSubmitting && open.size < depth) {
        const atMs = Date.now();
        const job = (await (await submit(url, priority)).json()) as Job;
        open.set(job.id, { etaS: job.eta_s, measured: elapsedS > settleS, atMs });
      }
      const ids = [...open.keys()] as RequestId[];
      for (const [i, state] of (await store.readMany(ids)).entries()) {
        const { etaS, measured, atMs } = open.get(ids[i]!)!;
        if (state?.startedAtMs === undefined) continue;
        open.delete(ids[i]!);
        const waitedS = (state.startedAtMs - atMs) / 1_000;
        if (measured && etaS !== null) errors.push(Math.abs(etaS - waitedS) / waitedS);
      }
      if (!isSubmitting && ![...open.values()].some(({ measured }) => measured)) return errors;
      await sleep(20);
    }
  } finally {
    redis.disconnect();
  }
}

describe("eta_s", () => {
  it(
    "foretells the wait under steady load, also of batch work behind interactive requests",
    { timeout: 120_000 },
    async () => {
      const { url, redis } = await start();
      const alone = await errorsOfEta(url, redis.url, "async", 15);
      let stopped = false;
      const interactive = (async () => {
        for (; !stopped; await sleep(250)) void submit(url, "interactive");
      })();
      const behind = await errorsOfEta(url, redis.url, "batch", 15, mixedWarmUpS);
      stopped = true;
      await interactive;
      tell(`eta_s: async alone ${alone.length} jobs, median error ${median(alone).toFixed(3)}`);
      tell(
        `eta_s: batch behind interactive ${behind.length} jobs, median error ${median(behind).toFixed(3)}`,
      );
      // The measure is 0.25; a busy machine may take more.
      expect(median(alone)).toBeLessThan(0.4);
      expect(median(behind)).toBeLessThan(0.4);
    },
  );
});

describe("Retry-After", () => {
  it("is true: who comes back when told to is let in, at three times what the expert can do", async () => {
    const { url } = await start({ classes: { async: { max_queued: 20 } } });
    let [refused, letIn, gaveUp] = [0, 0, 0];
    const waits: number[] = [];
    const client = async (): Promise<void> => {
      const request = body();
      const first = await submit(url, "async", request);
      if (first.status === 202) return void (letIn += 1);
      refused++;
      expect(((await first.json()) as { error: { code: string } }).error.code).toBe("queue_full");
      const retryMs = Number(first.headers.get("retry-after-ms"));
      expect(Number(first.headers.get("retry-after"))).toBe(Math.ceil(retryMs / 1_000));
      waits.push(retryMs);
      await sleep(Number(first.headers.get("retry-after")) * 1_000);
      if ((await submit(url, "async", request)).status !== 202) gaveUp++;
    };
    const clients: Promise<void>[] = [];
    const end = Date.now() + measuredS * 1_000;
    while (Date.now() < end) {
      clients.push(client());
      await sleep(33);
    }
    await Promise.all(clients);
    const share = 1 - gaveUp / refused;
    tell(
      `Retry-After: ${clients.length} clients, ${letIn} let in at once, ${refused} refused, ${(share * 100).toFixed(1)} % of them let in when they came back`,
    );
    expect(refused).toBeGreaterThan(clients.length / 3);
    expect(share).toBeGreaterThanOrEqual(0.9);
    expect(Math.max(...waits)).toBeGreaterThan(2_000);
  });
});
