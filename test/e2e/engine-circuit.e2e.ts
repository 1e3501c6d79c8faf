import type { ExpertStatus } from "@expert-router/contracts";
import { runEngineSim, simulatedAnswer, type EngineSim } from "@expert-router/engine-sim";
import { waitFor } from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
let other: EngineSim | undefined;
afterEach(async () => {
  await system?.stop();
  await other?.close();
  system = undefined;
  other = undefined;
});

const model = "simulated-code";
const sim = { model, seed: simulatorSeed, timeToFirstTokenMs: 5, interTokenLatencyMs: 5 };
const maxTokens = 40;
let asked = 0;

/** Asks and answers whether the answer was right to the byte. */
async function ask(): Promise<{ status: number; right: boolean }> {
  const messages = [{ role: "user", content: `Sort a list. ${(asked += 1)}` }];
  const response = await fetch(`${system?.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "code", max_tokens: maxTokens, messages }),
  });
  const body = (await response.json()) as { choices?: { message: { content: string } }[] };
  const prompt = { endpoint: "/v1/chat/completions", messages } as const;
  const expected = simulatedAnswer({ ...prompt, seed: simulatorSeed, maxTokens });
  return {
    status: response.status,
    right: body.choices?.[0]?.message.content === expected.tokens.join(""),
  };
}

async function code(): Promise<ExpertStatus> {
  return ((await system?.experts()) ?? []).find(({ id }) => id === "code") as ExpertStatus;
}

describe("a worker whose engine fails", () => {
  it("leaves the queue to the others, and comes back with its engine", async () => {
    // So little room that one worker cannot take all requests in one go.
    const engine = { concurrency: 8 };
    system = await TestSystem.start({ experts: { code: ["code"] }, interTokenLatencyMs: 5, engine });
    other = await runEngineSim({ ...sim, port: 0, failureInjectionRate: 1, failureTypes: ["http-500"] });
    const { port, url } = other;
    system.startWorker("code", { ENGINE_URL: url });
    await system.whenWorkersAre(2);

    const answers = await Promise.all(Array.from({ length: 60 }, ask));
    expect(answers.every(({ status, right }) => status === 200 && right)).toBe(true);
    // In one look: the next trial may make it half-open at any time.
    let open: ExpertStatus | undefined;
    await waitFor("the circuit is open", async () => (open = await code()).circuits.open === 1);
    expect(open).toMatchObject({ health: "degraded", workers: 2, capacity: 8 });

    await other.close();
    other = await runEngineSim({ ...sim, port });
    await waitFor(
      "the circuit is closed",
      async () => {
        expect(await ask()).toMatchObject({ status: 200, right: true });
        return (await code()).circuits.closed === 2;
      },
      { timeoutMs: 30_000 },
    );
    expect((await code()).health).toBe("healthy");
  });

  it("is said to be away when there is no other", async () => {
    system = await TestSystem.start({ experts: { code: ["code"] } });
    await system.engine("code").process.end();
    await waitFor("the circuit is open", async () => (await code()).circuits.open === 1);
    expect((await code()).health).toBe("unavailable");
  });
});
