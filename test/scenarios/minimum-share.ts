import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimes, Chance } from "./chance.js";
import { openLoop, submitAll } from "./open-loop.js";
import { secondsOf, tokensWithin, waitsMs } from "./request-records.js";
import { expert, numberedAsks, ScenarioSystem, spanOf, tokensPerS } from "./scenario-system.js";
import { atLeast, told, type Scenario } from "./scenario.js";
import { spread } from "./statistics.js";

const pace = { sequences: 32, tokenMs: 20, firstTokenMs: 40 };
const answerTokens = [30, 90] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const minShare = 0.1;
/** A share is kept over time, not at every moment. */
const tolerance = 0.05;
/** Offered by interactive clients, of the engine's capacity. */
const overload = 1.3;

/** Batch never starves. */
export const minimumShare: Scenario = {
  name: "minimum-share",
  acceptance:
    "interactive saturated for 5 minutes, batch still gets its configured minimum share of the tokens",
  async run({ seed, short, say }) {
    const [settleS, measuredS] = short ? [2, 8] : [10, 300];
    const system = await ScenarioSystem.start({
      pace,
      config: {
        scheduling: { classes: { batch: { min_share: minShare }, interactive: { max_queued: 300 } } },
      },
    });
    try {
      const chance = new Chance(seed, 0);
      const nominal = tokensPerS(pace, meanAnswer);
      const perS = nominal / meanAnswer;
      // Enough for half of the capacity, should batch get more than its share.
      const batch = await submitAll(
        system.client,
        numberedAsks(Math.ceil(perS * 0.5 * (settleS + measuredS)), () => ({
          kind: "job",
          priority: "batch",
          maxTokens: chance.between(...answerTokens),
        })),
      );
      say(`interactive offers ${overload} × the capacity, batch waits behind, ${settleS + measuredS} s …`);
      const interactive = openLoop(
        system.client,
        arrivalTimes({ perS: perS * overload, forMs: (settleS + measuredS) * 1_000 }, chance).map(
          (atMs, number) => ({
            atMs,
            ask: {
              kind: "stream",
              model: expert,
              prompt: `Question ${number}.`,
              maxTokens: chance.between(...answerTokens),
            },
          }),
        ),
      );
      await sleep(settleS * 1_000);
      const span = await spanOf(measuredS * 1_000);
      await system.clear(batch);
      const load = await interactive.ended;
      const batchRecords = await system.records(batch);
      const interactiveRecords = await system.records(load.outcomes);
      const batchPerS = tokensWithin(batchRecords, span) / secondsOf(span);
      const interactivePerS = tokensWithin(interactiveRecords, span) / secondsOf(span);
      const waits = spread(waitsMs(interactiveRecords));
      return {
        settings: {
          ...pace,
          answer_tokens: answerTokens.join("–"),
          "batch.min_share": minShare,
          tolerance: `${tolerance * 100} %`,
          offered_by_interactive: `${overload} × capacity`,
          seconds: measuredS,
        },
        figures: [
          told("tokens of interactive", interactivePerS, "/s"),
          told("tokens of batch", batchPerS, "/s"),
          atLeast(
            "  of all",
            (batchPerS / (batchPerS + interactivePerS)) * 100,
            100 * minShare * (1 - (short ? 0.5 : tolerance)),
            "%",
          ),
          told("of the engine's pace, together", ((batchPerS + interactivePerS) / nominal) * 100, "%"),
          told("wait of interactive, p50", waits.p50 / 1_000, "s"),
          told("wait of interactive, p95", waits.p95 / 1_000, "s"),
          told("interactive requests accepted", load.outcomes.filter(({ accepted }) => accepted).length),
          told("interactive requests refused", load.outcomes.filter(({ accepted }) => !accepted).length),
          told("requests sent late", load.late),
        ],
      };
    } finally {
      await system.stop();
    }
  },
};
