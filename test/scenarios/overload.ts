import { priorityClasses, type PriorityClass } from "@expert-router/contracts";
import { arrivalTimes, Chance } from "./chance.js";
import { nowMs, type Ask, type Outcome } from "./client.js";
import { openLoop } from "./open-loop.js";
import { watchMemory, type MemorySample } from "./process-memory.js";
import { RecordCollector } from "./record-collector.js";
import { secondsOf, tokensWithin } from "./request-records.js";
import { expert, ScenarioSystem, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Figure, type Scenario } from "./scenario.js";
import { percentile } from "./statistics.js";

const pace = { sequences: 16, tokenMs: 20, firstTokenMs: 40 };
const answerTokens = [20, 60] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const nominal = tokensPerS(pace, meanAnswer);
const overload = 3;
/** Offered before, where the peak of the throughput is measured. */
const saturation = 1.3;
/** Shares of the classes in what is offered: what is left of the engine for batch is little, and all classes are refused some. */
const offered: Readonly<Record<PriorityClass, number>> = { interactive: 0.5, async: 0.3, batch: 0.2 };
const longWaitS: Readonly<Record<PriorityClass, number>> = { interactive: 5, async: 15, batch: 30 };
/** Short enough to be reached in a few seconds. */
const shortWaitS: Readonly<Record<PriorityClass, number>> = { interactive: 2, async: 4, batch: 8 };
/** Finished requests are forgotten soon, so that what grows is what overload makes grow. */
const retentionS = 30;
/** Noise of a garbage collector; what grows with the requests is far beyond it. */
const growthMb = 25;

/** More work than can be done is refused, and what was accepted is done in time. */
export const overloadScenario: Scenario = {
  name: "overload",
  acceptance:
    "offered load at 3 × capacity for 2 minutes: memory bounded, accepted requests meet their class's wait, the rest get 429 with Retry-After, throughput ≥ 95 % of the peak",
  async run({ seed, short, say }) {
    const [peakS, overloadS, settleS] = short ? [3, 8, 2] : [15, 120, 10];
    const maxWaitS = short ? shortWaitS : longWaitS;
    const chance = new Chance(seed, 0);
    const system = await ScenarioSystem.start({
      pace,
      config: {
        retention: { sync_s: retentionS, jobs_s: retentionS },
        scheduling: {
          classes: Object.fromEntries(priorityClasses.map((name) => [name, { max_wait_s: maxWaitS[name] }])),
        },
      },
    });
    try {
      const perS = nominal / meanAnswer;
      const size = (): number => chance.between(...answerTokens);
      say(`${saturation} × capacity, ${settleS + peakS} s, then ${overload} × capacity, ${overloadS} s …`);
      const memory = watchMemory({
        ingress: system.system.ingresses[0]?.process.pid as number,
        worker: system.system.workers[0]?.process.pid as number,
        redis: system.system.redis.pid,
      });
      const peakMs = (settleS + peakS) * 1_000;
      const times = [
        ...arrivalTimes({ perS: perS * saturation, forMs: peakMs }, chance),
        ...arrivalTimes({ perS: perS * overload, forMs: overloadS * 1_000 }, chance).map(
          (atMs) => peakMs + atMs,
        ),
      ];
      const collector = new RecordCollector(system.redis);
      const running = openLoop(
        system.client,
        times.map((atMs, number) => ({ atMs, ask: askOf(chance, number, size()) })),
        (outcome) => collector.add(outcome),
      );
      await running.allSent;
      const toMs = nowMs();
      memory.stop();
      const { fromMs, outcomes, late } = await running.ended;
      const records = await collector.finish();
      const peakSpan = { fromMs: fromMs + settleS * 1_000, toMs: fromMs + peakMs };
      const peak = tokensWithin(records, peakSpan) / secondsOf(peakSpan);
      const span = { fromMs: fromMs + peakMs, toMs };
      const throughput = tokensWithin(records, span) / secondsOf(span);
      const refused = outcomes.filter(({ accepted }) => !accepted);
      const figures: Figure[] = [
        told("tokens of the saturated engine", peak, "/s"),
        told("tokens under overload", throughput, "/s"),
        atLeast("  of the peak", (throughput / peak) * 100, short ? 70 : 95, "%"),
        told("requests offered", outcomes.length),
        told("requests accepted", outcomes.length - refused.length),
        atLeast("requests refused with 429 and Retry-After", refused.filter(isRefusal).length, 1),
        atMost("requests with another answer", refused.filter((outcome) => !isRefusal(outcome)).length, 0),
        atMost(
          "accepted requests that failed",
          records.filter(({ status }) => status !== "completed").length,
          0,
        ),
      ];
      for (const name of priorityClasses) {
        const ofClass = records.filter(({ outcome }) => outcome.ask.priority === name);
        const waitsS = ofClass.flatMap(({ createdAtMs, startedAtMs }) =>
          startedAtMs === undefined ? [] : [(startedAtMs - createdAtMs) / 1_000],
        );
        const tooLong = waitsS.filter((waitS) => waitS > maxWaitS[name]).length;
        figures.push(
          told(`${name}: accepted`, ofClass.length),
          told("  wait, p50", percentile(waitsS, 0.5), "s"),
          told("  wait, longest", percentile(waitsS, 1), "s"),
          atMost(
            `  waited longer than ${maxWaitS[name]} s`,
            ofClass.length === 0 ? 0 : (tooLong / ofClass.length) * 100,
            short ? 90 : 1,
            "%",
          ),
        );
      }
      figures.push(...memoryFigures(memory.samples, short), told("requests sent late", late));
      return {
        settings: {
          ...pace,
          answer_tokens: answerTokens.join("–"),
          offered: `${overload} × capacity for ${overloadS} s, behind ${saturation} ×`,
          classes: JSON.stringify(offered),
          max_wait_s: JSON.stringify(maxWaitS),
          retention_s: retentionS,
        },
        figures,
        details: { memory: memory.samples },
      };
    } finally {
      await system.stop();
    }
  },
};

function askOf(chance: Chance, number: number, maxTokens: number): Ask {
  const draw = chance.between(1, 100) / 100;
  const priority =
    draw <= offered.interactive
      ? "interactive"
      : draw <= offered.interactive + offered.async
        ? "async"
        : "batch";
  const kind = priority === "interactive" ? "stream" : "job";
  return { kind, model: expert, prompt: `Question ${number}.`, maxTokens, priority };
}

function isRefusal({ status, retryAfterS }: Outcome): boolean {
  return status === 429 && retryAfterS !== undefined && retryAfterS > 0;
}

/** Memory over time, and by how much its greatest value grows from the second quarter to the last one. */
function memoryFigures(samples: readonly MemorySample[], short: boolean): Figure[] {
  const lastS = samples.at(-1)?.atS ?? 0;
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => share * lastS);
  return ["ingress", "worker", "redis"].flatMap((name) => {
    const most = (fromS: number, toS: number): number =>
      Math.max(
        ...samples.filter(({ atS }) => atS >= fromS && atS <= toS).map(({ mb }) => mb[name] as number),
      );
    const [, quarter = 0, half = 0, threeQuarters = 0] = steps;
    return [
      ...steps.map((stepS) => {
        const sample = samples.find(({ atS }) => atS >= stepS - 0.01) as MemorySample;
        return told(`memory of ${name} after ${Math.round(stepS)} s`, sample.mb[name] as number, "MB");
      }),
      atMost(
        `  most in the last quarter, beyond the second one's`,
        most(threeQuarters, lastS) - most(quarter, half),
        short ? 100 : growthMb,
        "MB",
      ),
    ];
  });
}
