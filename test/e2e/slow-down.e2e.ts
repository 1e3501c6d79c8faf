import { simulatedAnswer } from "@expert-router/engine-sim";
import { findFreePort, waitFor } from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const maxTokens = 20;
let asked = 0;

/** Asks and answers whether the answer was right to the byte. */
async function ask(): Promise<boolean> {
  const messages = [{ role: "user", content: `Sort a list. ${(asked += 1)}` }];
  const response = await fetch(`${system?.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "code", max_tokens: maxTokens, messages }),
  });
  const body = (await response.json()) as { choices?: { message: { content: string } }[] };
  const prompt = { endpoint: "/v1/chat/completions", messages } as const;
  const expected = simulatedAnswer({ ...prompt, seed: simulatorSeed, maxTokens });
  return response.status === 200 && body.choices?.[0]?.message.content === expected.tokens.join("");
}

async function setPace(factor: number, maxNumSeqs: number): Promise<void> {
  await fetch(`${system?.engine("code").url}/sim/time-factor`, {
    method: "POST",
    body: JSON.stringify({ factor, max_num_seqs: maxNumSeqs }),
  });
}

async function waitingAtEngine(): Promise<number> {
  const page = await (await fetch(`${system?.engine("code").url}/metrics`)).text();
  return Number(/^vllm:num_requests_waiting\S* (\d+)/m.exec(page)?.[1]);
}

async function metric(url: string, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)`, "m").exec(page)?.[1]);
}

describe("an engine that slows down, and recovers", () => {
  it("gets what it can do, the rest waits in Redis, and no request is timed out", async () => {
    const opsPort = String(await findFreePort());
    system = await TestSystem.start({
      experts: { code: ["code"] },
      workersPerExpert: 0,
      ingresses: 0,
      interTokenLatencyMs: 10,
      // Short enough that a place at the end of the slow engine's queue would run into it.
      engine: { concurrency: 32, first_token_timeout_ms: 3_000, inter_token_timeout_ms: 3_000 },
    });
    system.startWorker("code", { WORKER_PORT: opsPort });
    await system.startIngress();
    await system.whenWorkersAre(1);
    const worker = `http://127.0.0.1:${opsPort}`;
    const credits = (): Promise<number> => metric(worker, "expert_router_engine_credits");
    expect(await credits()).toBe(32);

    let stop = false;
    const answers: boolean[] = [];
    const users = Array.from({ length: 64 }, async () => {
      while (!stop) answers.push(await ask());
    });
    await setPace(5, 4);
    await waitFor("credits follow", async () => (await credits()) <= 6, { timeoutMs: 20_000 });
    await waitFor("the engine's queue is empty", async () => (await waitingAtEngine()) <= 2, {
      timeoutMs: 30_000,
    });
    expect((await system.experts())[0]?.queue_depth.interactive, "the backlog is in Redis").toBeGreaterThan(
      40,
    );
    await setPace(1, 1_024);
    await waitFor("credits are back", async () => (await credits()) === 32, { timeoutMs: 20_000 });
    stop = true;
    await Promise.all(users);
    expect(answers.length).toBeGreaterThan(64);
    expect(answers.every(Boolean)).toBe(true);
    expect(await metric(worker, "expert_router_attempts_total")).toBe(answers.length);
  });
});

describe("a worker that comes while others are busy", () => {
  it("is at work within a second", async () => {
    system = await TestSystem.start({
      experts: { code: ["code"] },
      interTokenLatencyMs: 50,
      engine: { concurrency: 2 },
    });
    const answers = Array.from({ length: 24 }, ask);
    await waitFor(
      "a backlog",
      async () => ((await system?.experts())?.[0]?.queue_depth.interactive ?? 0) > 15,
    );
    const engine = await system.startSimulator("code");
    system.startWorker("code", { ENGINE_URL: engine.url });
    await waitFor("the worker is seen", async () => (await system?.experts())?.[0]?.workers === 2, {
      timeoutMs: 30_000,
      intervalMs: 10,
    });
    const seenAtMs = performance.now();
    await waitFor("it works", async () => ((await system?.runningAtUrl(engine.url)) ?? 0) > 0, {
      intervalMs: 10,
    });
    expect(performance.now() - seenAtMs).toBeLessThan(1_000);
    expect((await Promise.all(answers)).every(Boolean)).toBe(true);
  });
});
