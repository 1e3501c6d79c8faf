import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimes, type Chance } from "./chance.js";
import { nowMs, type Outcome } from "./client.js";
import { openLoop } from "./open-loop.js";
import { expert, ScenarioSystem, type EnginePace } from "./scenario-system.js";

/** Offered by clients that come for the first time, of the capacity. */
const overload = 1.5;

/** What became of clients that were refused and came back when they were told to. */
export interface Retries {
  readonly overload: number;
  readonly first: number;
  readonly refused: number;
  readonly withoutRetryAfter: number;
  readonly retryAfterS: readonly number[];
  readonly cameBack: number;
  readonly admitted: number;
}

/** An overloaded queue to which new clients keep coming, and clients that obey its Retry-After once. */
export async function obeyRetryAfter(options: {
  readonly pace: EnginePace;
  readonly answerTokens: readonly [number, number];
  /** Requests a second that the engine can do. */
  readonly perS: number;
  readonly overloadS: number;
  /** Jobs that may wait. */
  readonly maxQueued: number;
  readonly chance: Chance;
  readonly say: (line: string) => void;
}): Promise<Retries> {
  const { pace, answerTokens, perS, overloadS, maxQueued, chance, say } = options;
  const system = await ScenarioSystem.start({
    pace,
    config: {
      scheduling: { classes: { async: { max_queued: maxQueued } } },
    },
  });
  try {
    say(`overloaded by ${overload} ×, refused clients come back when told, ${overloadS} s …`);
    const untilMs = nowMs() + overloadS * 1_000;
    const second: Promise<Outcome | undefined>[] = [];
    const comeBack = async (refused: Outcome): Promise<Outcome | undefined> => {
      const waitMs = (refused.retryAfterS as number) * 1_000;
      // Whoever is told a time behind the end would find an empty queue.
      if (nowMs() + waitMs > untilMs) return undefined;
      await sleep(waitMs);
      return system.client.send(refused.ask);
    };
    const load = openLoop(
      system.client,
      arrivalTimes({ perS: perS * overload, forMs: overloadS * 1_000 }, chance).map((atMs, number) => ({
        atMs,
        ask: {
          kind: "job",
          model: expert,
          prompt: `Client ${number}.`,
          maxTokens: chance.between(...answerTokens),
        },
      })),
      (outcome) => {
        if (outcome.status === 429 && outcome.retryAfterS !== undefined) second.push(comeBack(outcome));
      },
    );
    const { outcomes } = await load.ended;
    const returned = (await Promise.all(second)).filter((outcome) => outcome !== undefined);
    const refused = outcomes.filter(({ status }) => status === 429);
    return {
      overload,
      first: outcomes.length,
      refused: refused.length,
      withoutRetryAfter: refused.filter(({ retryAfterS }) => retryAfterS === undefined).length,
      retryAfterS: refused.flatMap(({ retryAfterS }) => retryAfterS ?? []),
      cameBack: returned.length,
      admitted: returned.filter(({ accepted }) => accepted).length,
    };
  } finally {
    await system.stop();
  }
}
