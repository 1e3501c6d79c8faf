import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, waitFor } from "@expert-router/testing";
import { expectedText } from "../faults/expected-text.js";
import { Chance } from "./chance.js";
import { nowMs, type Ask, type Outcome } from "./client.js";
import { submitAll } from "./open-loop.js";
import { secondsOf, tokensWithin } from "./request-records.js";
import { expert, numberedAsks, ScenarioSystem, spanOf, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Figure, type Scenario } from "./scenario.js";
import { percentile } from "./statistics.js";

const pace = { sequences: 8, tokenMs: 50, firstTokenMs: 50 };
const answerTokens = [20, 60] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const workerPerS = tokensPerS(pace, meanAnswer) / meanAnswer;

/** Twice the workers do twice the work, a new one at once, and those that die lose nothing. */
export const scaling: Scenario = {
  name: "scaling",
  acceptance:
    "workers 1 → 2 → 4 → 8 on one expert, an engine of 8 sequences each: throughput ≥ 0.95 × linear at each step; killing half mid-run loses nothing; a new worker's first job starts ≤ 1 s after it is ready",
  async run({ seed, short, say }) {
    const [steps, measuredS, settleS] = short ? [[1, 2], 4, 1] : [[1, 2, 4, 8], 20, 4];
    const chance = new Chance(seed, 0);
    const system = await ScenarioSystem.start({
      pace,
      ingresses: 0,
      workersPerExpert: 0,
    });
    try {
      await system.startIngress();
      const asks = (seconds: number, workers: number): Ask[] =>
        numberedAsks(Math.ceil(seconds * workers * workerPerS), () => ({
          kind: "job",
          maxTokens: chance.between(...answerTokens),
        }));
      const figures: Figure[] = [];
      const firstJobMs: number[] = [];
      const startWorker = async (): Promise<void> => {
        // The first one has the engine that came with the system.
        const engine =
          system.system.workers.length === 0
            ? system.system.engine(expert)
            : await system.system.startSimulator(expert);
        const port = await findFreePort();
        system.system.startWorker(expert, { ENGINE_URL: engine.url, WORKER_PORT: String(port) });
        await waitFor(
          "the worker is ready",
          async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200,
          { timeoutMs: 30_000, intervalMs: 5 },
        );
        const readyAtMs = nowMs();
        await waitFor("its first job", async () => (await system.system.runningAtUrl(engine.url)) > 0, {
          timeoutMs: 30_000,
          intervalMs: 5,
        });
        firstJobMs.push(nowMs() - readyAtMs);
      };

      let oneWorkerPerS = Number.NaN;
      let outcomes: Outcome[] = [];
      for (const workers of steps) {
        say(`${workers} worker${workers > 1 ? "s" : ""}, ${measuredS} s …`);
        // The backlog is there before the new workers are.
        outcomes = await submitAll(system.client, asks(2 * settleS + measuredS + 5, workers));
        while (system.system.workers.length < workers) await startWorker();
        await sleep(settleS * 1_000);
        const span = await spanOf(measuredS * 1_000);
        await system.clear(outcomes);
        const rate = tokensWithin(await system.records(outcomes), span) / secondsOf(span);
        if (workers === 1) oneWorkerPerS = rate;
        figures.push(told(`tokens with ${workers}`, rate, "/s"));
        if (workers > 1)
          figures.push(atLeast("  of linear", (rate / oneWorkerPerS / workers) * 100, short ? 80 : 95, "%"));
      }
      figures.push(
        told("first job of a new worker after it was ready, p50", percentile(firstJobMs, 0.5), "ms"),
        atMost("  longest", percentile(firstJobMs, 1), short ? 3_000 : 1_000, "ms"),
        ...(await killHalf(system, asks(short ? 4 : 10, steps.at(-1) as number), say)),
      );
      return {
        settings: { ...pace, answer_tokens: answerTokens.join("–"), seconds_each: measuredS },
        figures,
        notes: ["A worker is ready when its /readyz says so."],
        details: { first_job_ms: firstJobMs },
      };
    } finally {
      await system.stop();
    }
  },
};

/** kill -9 of half of the workers while all of them are busy; every job has to end whole. */
async function killHalf(
  system: ScenarioSystem,
  asks: readonly Ask[],
  say: (line: string) => void,
): Promise<Figure[]> {
  const workers = system.system.workers.filter(({ process }) => !process.hasExited);
  const half = workers.slice(0, workers.length / 2);
  say(`kill -9 of ${half.length} of ${workers.length} workers …`);
  const outcomes = await submitAll(system.client, asks);
  await sleep(2_000);
  for (const { process } of half) process.kill("SIGKILL");
  const records = await system.whenEnded(outcomes);
  const whole = records.filter(
    ({ status, answerTokens: tokens, outcome }) => status === "completed" && tokens === outcome.ask.maxTokens,
  );
  const texts = await wrongTexts(system, outcomes);
  return [
    told("jobs under kill -9 of half of the workers", outcomes.length),
    atMost("  without a whole end", outcomes.length - whole.length, 0),
    atMost("  with another text than expected", texts, 0),
  ];
}

async function wrongTexts(system: ScenarioSystem, outcomes: readonly Outcome[]): Promise<number> {
  let wrong = 0;
  const left = outcomes.values();
  const reader = async (): Promise<void> => {
    for (const { id, ask } of left) {
      const { response } = await system.client.job(id as string);
      const answer = response as { choices: { message: { content: string } }[] } | null;
      const text = answer?.choices[0]?.message.content;
      if (text !== expectedText(ask.prompt, ask.maxTokens)) wrong += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, reader));
  return wrong;
}
