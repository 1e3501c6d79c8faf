import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimes, Chance } from "./chance.js";
import { nowMs } from "./client.js";
import { EngineWatch } from "./engine-watch.js";
import { openLoop } from "./open-loop.js";
import { expert, ScenarioSystem, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Figure, type Scenario } from "./scenario.js";
import { median, percentile } from "./statistics.js";

const pace = { sequences: 16, tokenMs: 20, firstTokenMs: 40 };
const answerTokens = [20, 60] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const nominal = tokensPerS(pace, meanAnswer);
/** Four times what the engine runs: an operator who does not know its batch. */
const concurrency = 64;
/** Of the capacity of the healthy engine. */
const offered = 0.5;
const slowFactor = 5;
/** What is left of the engine's batch in the second half. */
const smallBatch = 4;
/** Far beyond what a request needs that the engine runs, and less than one needs that waits inside of it behind others. */
const firstTokenTimeoutMs = 3_000;
/** In which credits have to find the engine's new size. */
const followMs = 5_000;

/** An engine that becomes slow keeps its backlog in Redis, and is used in full as soon as it has recovered. */
export const slowdown: Scenario = {
  name: "slowdown",
  acceptance:
    "an engine slows down 5 × for 30 s and recovers: credits follow, no request times out that need not, throughput is back within seconds",
  async run({ seed, short, say }) {
    const [calmS, slowS, afterS] = short ? [2, 7, 4] : [10, 30, 30];
    const chance = new Chance(seed, 0);
    const system = await ScenarioSystem.start({
      pace,
      engine: { concurrency, first_token_timeout_ms: firstTokenTimeoutMs, inter_token_timeout_ms: 2_000 },
    });
    try {
      const { url } = system.system.engine(expert);
      const watch = new EngineWatch(system, url);
      const troubles = [
        { name: "5 × slower", change: { factor: slowFactor } },
        { name: `only ${smallBatch} at once`, change: { factor: 1, max_num_seqs: smallBatch } },
      ];
      const forMs = troubles.length * (calmS + slowS + afterS) * 1_000;
      const load = openLoop(
        system.client,
        arrivalTimes({ perS: (nominal / meanAnswer) * offered, forMs }, chance).map((atMs, number) => ({
          atMs,
          ask: {
            kind: "stream",
            model: expert,
            prompt: `Question ${number}.`,
            maxTokens: chance.between(...answerTokens),
          },
        })),
      );
      const figures: Figure[] = [];
      for (const { name, change } of troubles) {
        await sleep(calmS * 1_000);
        say(`the engine is ${name}, ${slowS} s …`);
        await setPace(url, change);
        const slowAtMs = nowMs();
        await sleep(slowS * 1_000);
        await setPace(url, { factor: 1, max_num_seqs: pace.sequences });
        const recoveredAtMs = nowMs();
        say(`it has recovered, ${afterS} s …`);
        await sleep(afterS * 1_000);
        const size = change.max_num_seqs ?? pace.sequences;
        const during = watch.within(slowAtMs + followMs, recoveredAtMs);
        const credits = median(during.map((look) => look.credits));
        const waiting = during.map((look) => look.waiting);
        const before = watch.within(slowAtMs - calmS * 1_000, slowAtMs);
        figures.push(
          told(`${name}: credits before`, median(before.map((look) => look.credits))),
          atMost("  credits then, median", credits, (short ? 2.5 : 1.5) * size),
          atLeast("  credits then, median", credits, (short ? 0.5 : 0.75) * size),
          told("  requests waiting inside the engine, p50", percentile(waiting, 0.5)),
          atMost(
            "  requests waiting inside the engine, p95",
            percentile(waiting, 0.95),
            size / (short ? 1 : 2),
          ),
          told("  waiting inside the engine at once, most", percentile(waiting, 1)),
          atMost(
            `  ${short ? 60 : 90} % of the throughput is back after`,
            watch.timeUntilRate((short ? 0.6 : 0.9) * nominal, recoveredAtMs) / 1_000,
            short ? 10 : 5,
            "s",
          ),
        );
      }
      const { outcomes, late } = await load.ended;
      await watch.stop();
      const ttft = outcomes.flatMap(({ sentAtMs, firstTokenAtMs }) =>
        firstTokenAtMs === undefined ? [] : [(firstTokenAtMs - sentAtMs) / 1_000],
      );
      const failed = outcomes.filter(({ error }) => error !== undefined);
      figures.push(
        told("requests", outcomes.length),
        atMost("  failed or timed out", failed.length, 0),
        told("  TTFT, p50", percentile(ttft, 0.5), "s"),
        told("  TTFT, longest", percentile(ttft, 1), "s"),
        told("requests sent late", late),
      );
      return {
        settings: {
          ...pace,
          answer_tokens: answerTokens.join("–"),
          "engine.concurrency": concurrency,
          "engine.first_token_timeout_ms": firstTokenTimeoutMs,
          offered: `${offered} × the healthy capacity`,
          slow_seconds: slowS,
        },
        figures,
        notes: [
          "Credits: `capacity` of GET /v1/experts, from 5 s after the change on. An engine that is slow at the same size needs as many as",
          "before; one with a smaller batch needs fewer. What waits inside the engine cannot be reordered, cancelled or spilled any more.",
        ],
        details: { looks: watch.looks, errors: failed.map(({ error }) => error) },
      };
    } finally {
      await system.stop();
    }
  },
};

async function setPace(engineUrl: string, change: { factor: number; max_num_seqs?: number }): Promise<void> {
  const response = await fetch(`${engineUrl}/sim/time-factor`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(change),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the simulator keeps its pace: ${response.status} ${text}`);
}
