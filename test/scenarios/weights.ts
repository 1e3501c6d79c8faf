import { setTimeout as sleep } from "node:timers/promises";
import { Chance } from "./chance.js";
import { submitAll } from "./open-loop.js";
import { secondsOf, tokensWithin, type RequestTimes, type Span } from "./request-records.js";
import { numberedAsks, ScenarioSystem, spanOf, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Scenario } from "./scenario.js";
import { keys, keysEnv, weighted } from "./tenants.js";

const pace = { sequences: 16, tokenMs: 10, firstTokenMs: 20 };
const weights = { a: 3, b: 1 };
/** The tenant with the smaller weight asks for the longer answers: requests are not what is shared. */
const answerTokens = { a: [20, 60], b: [80, 160] } as const;

/** Tenants get tokens in proportion to their weights, and what one leaves goes to the other. */
export const weightsScenario: Scenario = {
  name: "weights",
  acceptance:
    "tenants weighted 3:1 under saturation for 60 s: completed tokens within 5 % of 3:1; an idle tenant's share goes to the other (≥ 95 % of all)",
  async run({ seed, short, say }) {
    const [settleS, bothS, oneS] = short ? [1, 6, 3] : [5, 60, 20];
    const system = await ScenarioSystem.start({
      pace,
      env: keysEnv,
      config: {
        scheduling: { tenants: [weighted(keys.a, weights.a), weighted(keys.b, weights.b)] },
      },
    });
    try {
      const chance = new Chance(seed, 0);
      // More than each could get if it were alone.
      const worthS = (settleS + bothS + oneS) * 1.2;
      const backlogOf = (tenant: "a" | "b") => {
        const [least, most] = answerTokens[tenant];
        const count = Math.ceil((worthS * tokensPerS(pace, (least + most) / 2)) / ((least + most) / 2));
        return numberedAsks(count, () => ({
          kind: "job",
          maxTokens: chance.between(least, most),
          key: keys[tenant],
        }));
      };
      say("both tenants queue more than the engine can do …");
      const [ofA, ofB] = await Promise.all([
        submitAll(system.client, backlogOf("a")),
        submitAll(system.client, backlogOf("b")),
      ]);
      await sleep(settleS * 1_000);
      say(`both wait, ${bothS} s …`);
      const both = await spanOf(bothS * 1_000);
      say(`A goes; B waits on, ${oneS} s …`);
      await system.clear(ofA);
      const one = await spanOf(oneS * 1_000);
      await system.clear(ofB);
      const [recordsA, recordsB] = await Promise.all([system.records(ofA), system.records(ofB)]);
      const total = ({ totalTokens }: RequestTimes): number => totalTokens;
      const perS = (records: readonly RequestTimes[], span: Span): number =>
        tokensWithin(records, span, total) / secondsOf(span);
      const [rateA, rateB] = [perS(recordsA, both), perS(recordsB, both)];
      const ratio = rateA / rateB;
      const wanted = weights.a / weights.b;
      const answersPerS = (records: readonly RequestTimes[], span: Span): number =>
        tokensWithin(records, span) / secondsOf(span);
      const bothAnswers = answersPerS(recordsA, both) + answersPerS(recordsB, both);
      const completed = (records: readonly RequestTimes[]): number =>
        records.filter(({ finishedAtMs = 0 }) => finishedAtMs > both.fromMs && finishedAtMs <= both.toMs)
          .length;
      return {
        settings: {
          ...pace,
          weights: "3:1",
          answer_tokens_of_a: answerTokens.a.join("–"),
          answer_tokens_of_b: answerTokens.b.join("–"),
          seconds: bothS,
        },
        figures: [
          told("tokens of A, prompt and answer", rateA, "/s"),
          told("tokens of B, prompt and answer", rateB, "/s"),
          told("A : B in tokens", ratio, ": 1"),
          atMost("  off 3:1 by", Math.abs(ratio / wanted - 1) * 100, short ? 30 : 5, "%"),
          told(
            "A : B in tokens of answers alone",
            answersPerS(recordsA, both) / answersPerS(recordsB, both),
            ": 1",
          ),
          told("A : B in requests", completed(recordsA) / completed(recordsB), ": 1"),
          told("tokens of answers of both", bothAnswers, "/s"),
          told("tokens of answers of B once A is idle", answersPerS(recordsB, one), "/s"),
          atLeast(
            "  of what both got together",
            (answersPerS(recordsB, one) / bothAnswers) * 100,
            short ? 80 : 95,
            "%",
          ),
        ],
        notes: [
          "Shared are the tokens of prompts and answers, as the engine counts them. What the engine can do is a rate of answers' tokens.",
        ],
      };
    } finally {
      await system.stop();
    }
  },
};
