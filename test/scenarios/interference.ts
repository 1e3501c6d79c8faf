import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimes, Chance } from "./chance.js";
import type { Ask, Outcome } from "./client.js";
import { openLoop, submitAll, type Load } from "./open-loop.js";
import { secondsOf, tokensWithin, waitsMs, type RequestTimes, type Span } from "./request-records.js";
import { expert, numberedAsks, ScenarioSystem, spanOf, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Scenario } from "./scenario.js";
import { mean, median, spread, type Spread } from "./statistics.js";

const pace = { sequences: 64, tokenMs: 40, firstTokenMs: 60 };
/** Places that batch leaves free: 4 of the engine's 64. The default of 0.1 leaves 7, and batch the less. */
const headroom = 0.05;
/** Of the engine's capacity. */
const interactiveShare = 0.4;

interface Round {
  readonly ttftMs: Spread;
  readonly waitMs: Spread;
  readonly interactivePerS: number;
  readonly batchPerS: number;
  readonly late: number;
  readonly failed: number;
}

/** Batch work behind interactive work costs it little, and gets what it leaves. */
export const interference: Scenario = {
  name: "interference",
  acceptance:
    "interactive at a steady rate alone, then with a saturating batch behind: its TTFT p95 ≤ 1.5 × alone, while batch keeps ≥ 85 % of the capacity that interactive leaves",
  async run({ seed, short, say }) {
    const [rounds, roundS, settleS, saturatedS] = short ? [1, 4, 2, 2] : [3, 30, 10, 15];
    const answerTokens = short ? { least: 15, most: 45 } : { least: 50, most: 200 };
    const meanAnswer = (answerTokens.least + answerTokens.most) / 2;
    const system = await ScenarioSystem.start({
      pace,
      config: { scheduling: { headroom } },
    });
    const chance = new Chance(seed, 0);
    const answer = (): number => chance.between(answerTokens.least, answerTokens.most);
    const perS = (tokensPerSecond: number): number => tokensPerSecond / meanAnswer;
    const nominal = tokensPerS(pace, meanAnswer);
    const backlog = (seconds: number, priority: "interactive" | "batch"): Ask[] =>
      numberedAsks(Math.ceil(perS(nominal) * seconds) + pace.sequences, () => ({
        kind: "job",
        maxTokens: answer(),
        priority,
      }));
    const interactive = (round: number, seconds: number) =>
      openLoop(
        system.client,
        arrivalTimes({ perS: perS(nominal * interactiveShare), forMs: seconds * 1_000 }, chance).map(
          (atMs, number) => ({
            atMs,
            ask: { kind: "stream", model: expert, prompt: `Round ${round}, ${number}.`, maxTokens: answer() },
          }),
        ),
      );

    /** Interactive load with or without batch behind it; measured once both have settled. */
    const measure = async (round: number, withBatch: boolean): Promise<Round> => {
      const batch: Outcome[] = withBatch
        ? await submitAll(system.client, backlog(roundS + 2 * settleS, "batch"))
        : [];
      const running = interactive(round, settleS + roundS);
      await sleep(settleS * 1_000);
      const span = await spanOf(roundS * 1_000);
      const load = await running.ended;
      await system.clear(batch);
      return roundOf(load, await system.records(load.outcomes), await system.records(batch), span);
    };

    try {
      say(`the engine saturated by interactive jobs, ${saturatedS} s …`);
      const saturating = await submitAll(system.client, backlog(saturatedS + 2 * settleS, "interactive"));
      await sleep(settleS * 1_000);
      const saturatedSpan = await spanOf(saturatedS * 1_000);
      await system.clear(saturating);
      const capacity =
        tokensWithin(await system.records(saturating), saturatedSpan) / secondsOf(saturatedSpan);

      const alone: Round[] = [];
      const beside: Round[] = [];
      for (let round = 0; round < rounds; round++) {
        say(`round ${round + 1} of ${rounds}: interactive alone, then with batch, ${roundS} s each …`);
        alone.push(await measure(2 * round, false));
        beside.push(await measure(2 * round + 1, true));
      }
      const middle = (of: readonly Round[], pick: (round: Round) => number): number => median(of.map(pick));
      const ttft = (of: readonly Round[], share: "p50" | "p95" | "p99"): number =>
        middle(of, ({ ttftMs }) => ttftMs[share]);
      const ratio = ttft(beside, "p95") / ttft(alone, "p95");
      const left = beside.map(
        ({ interactivePerS, batchPerS }) => (batchPerS / (capacity - interactivePerS)) * 100,
      );
      return {
        settings: {
          ...pace,
          answer_tokens: `${answerTokens.least}–${answerTokens.most}`,
          interactive_share: interactiveShare,
          headroom,
          rounds,
          seconds_each: roundS,
        },
        figures: [
          told("tokens of the saturated engine", capacity, "/s"),
          told("  as the engine's pace has it", nominal, "/s"),
          told(
            "tokens of interactive, alone",
            mean(alone.map(({ interactivePerS }) => interactivePerS)),
            "/s",
          ),
          told("tokens of interactive, with batch", mean(beside.map((each) => each.interactivePerS)), "/s"),
          told("tokens of batch", mean(beside.map(({ batchPerS }) => batchPerS)), "/s"),
          // A busy machine has no steady capacity to take parts of; what a few seconds can show is that batch runs at all.
          short
            ? atLeast(
                "  of the engine's pace",
                (mean(beside.map(({ batchPerS }) => batchPerS)) / nominal) * 100,
                5,
                "%",
              )
            : atLeast("  of what interactive leaves", mean(left), 85, "%"),
          told("TTFT of interactive alone, p50", ttft(alone, "p50"), "ms"),
          told("TTFT of interactive alone, p95", ttft(alone, "p95"), "ms"),
          told("TTFT of interactive alone, p99", ttft(alone, "p99"), "ms"),
          told("TTFT of interactive with batch, p50", ttft(beside, "p50"), "ms"),
          told("TTFT of interactive with batch, p95", ttft(beside, "p95"), "ms"),
          told("TTFT of interactive with batch, p99", ttft(beside, "p99"), "ms"),
          atMost("  p95 with batch, of p95 alone", ratio, short ? 3 : 1.5, "×"),
          told(
            "wait of interactive with batch, p95",
            middle(beside, ({ waitMs }) => waitMs.p95),
            "ms",
          ),
          atMost("interactive requests that failed", failedIn([...alone, ...beside]), 0),
          told(
            "requests sent late",
            [...alone, ...beside].reduce((total, { late }) => total + late, 0),
          ),
        ],
        notes: ["TTFT is the client's, over HTTP. Medians of the rounds; tokens and shares are their means."],
        details: { alone, beside, left },
      };
    } finally {
      await system.stop();
    }
  },
};

function failedIn(rounds: readonly Round[]): number {
  return rounds.reduce((total, { failed }) => total + failed, 0);
}

function roundOf(
  load: Load,
  interactive: readonly RequestTimes[],
  batch: readonly RequestTimes[],
  span: Span,
): Round {
  const measured = load.outcomes.filter(({ sentAtMs }) => sentAtMs >= span.fromMs && sentAtMs < span.toMs);
  const ids = new Set(measured.map(({ id }) => id));
  return {
    ttftMs: spread(
      measured.flatMap(({ sentAtMs, firstTokenAtMs }) =>
        firstTokenAtMs === undefined ? [] : [firstTokenAtMs - sentAtMs],
      ),
    ),
    waitMs: spread(waitsMs(interactive.filter(({ outcome }) => ids.has(outcome.id)))),
    interactivePerS: tokensWithin(interactive, span) / secondsOf(span),
    batchPerS: tokensWithin(batch, span) / secondsOf(span),
    late: load.late,
    failed: load.outcomes.filter(({ error }) => error !== undefined).length,
  };
}
