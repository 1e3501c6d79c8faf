import { setTimeout as sleep } from "node:timers/promises";
import { nowMs, type Ask, type Client, type Outcome } from "./client.js";

/** A request and when it is sent, in ms from the begin of the load. */
export interface Arrival {
  readonly atMs: number;
  readonly ask: Ask;
}

/** What a load came to. */
export interface Load {
  readonly fromMs: number;
  readonly outcomes: readonly Outcome[];
  /** Sent more than {@link lateMs} after their time: the machine, not the system, was too slow. */
  readonly late: number;
}

/** A load that is under way. */
export interface RunningLoad {
  /** Unix time in ms. */
  readonly fromMs: number;
  /** Resolves when the last request is sent. */
  readonly allSent: Promise<void>;
  /** Resolves when the last one has ended. */
  readonly ended: Promise<Load>;
}

const lateMs = 50;

/** Sends each request at its time, whatever became of those before it. `onEnd` hears of each as it ends. */
export function openLoop(
  client: Client,
  arrivals: readonly Arrival[],
  onEnd: (outcome: Outcome) => void = () => undefined,
): RunningLoad {
  const fromMs = nowMs();
  const sent: Promise<Outcome>[] = [];
  let late = 0;
  const sendAll = async (): Promise<void> => {
    for (const { atMs, ask } of arrivals.toSorted((a, b) => a.atMs - b.atMs)) {
      const aheadMs = fromMs + atMs - nowMs();
      if (aheadMs > 1) await sleep(aheadMs);
      if (aheadMs < -lateMs) late += 1;
      sent.push(
        client.send(ask).then((outcome) => {
          onEnd(outcome);
          return outcome;
        }),
      );
    }
  };
  const allSent = sendAll();
  const ended = allSent.then(async () => ({ fromMs, outcomes: await Promise.all(sent), late }));
  return { fromMs, allSent, ended };
}

const submittedAtOnce = 32;

/** Submits jobs as fast as they are taken in, to make a backlog; throws if one is refused. */
export async function submitAll(client: Client, asks: readonly Ask[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = asks.values();
  const submitter = async (): Promise<void> => {
    for (const ask of waiting) {
      const outcome = await client.send(ask);
      if (!outcome.accepted) throw new Error(`a job of the backlog was refused: ${outcome.error}`);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: submittedAtOnce }, submitter));
  return outcomes;
}
