/** How long streams wait for their next token when the master of a Sentinel trio is killed. */
import { startSentinel } from "@expert-router/testing";
import { runThroughFailover, type FailoverOutcome } from "../support/failover.js";
import { TestSystem } from "../support/system.js";
import { median } from "./summary.js";

const streams = 20;
const tokens = 400;

/** What the failovers came to; ms behind the promotion. */
export interface FailoverFigures {
  readonly times: number;
  /** Until every stream of a failover had its next token. */
  readonly streamsMedianMs: number;
  readonly streamsWorstMs: number;
  /** Until a new request was answered. */
  readonly requestsMedianMs: number;
  readonly requestsWorstMs: number;
  /** Streams that ended with the whole answer, with a clear error behind a right beginning, and in another way. */
  readonly whole: number;
  readonly errors: number;
  readonly wrong: number;
}

/** Measures `times` failovers, each of a trio and a system of its own. */
export async function measureFailover(times: number, say: (line: string) => void): Promise<FailoverFigures> {
  const outcomes: FailoverOutcome[] = [];
  const ends = { whole: 0, error: 0, wrong: 0 };
  for (let time = 1; time <= times; time++) {
    const outcome = await failOver();
    outcomes.push(outcome);
    for (const { end } of outcome.streams) {
      if (end === "whole" || end === "error") ends[end] += 1;
      else {
        ends.wrong += 1;
        say(end);
      }
    }
    const [streamsMs, requestsMs] = [outcome.streamsRecoveredMs, outcome.requestsRecoveredMs].map(Math.round);
    say(`failover ${time}: next token of all streams ${streamsMs} ms, new request ${requestsMs} ms`);
  }
  const streamsMs = outcomes.map(({ streamsRecoveredMs }) => streamsRecoveredMs);
  const requestsMs = outcomes.map(({ requestsRecoveredMs }) => requestsRecoveredMs);
  const figures = {
    times,
    streamsMedianMs: Math.round(median(streamsMs)),
    streamsWorstMs: Math.round(Math.max(...streamsMs)),
    requestsMedianMs: Math.round(median(requestsMs)),
    requestsWorstMs: Math.round(Math.max(...requestsMs)),
    whole: ends.whole,
    errors: ends.error,
    wrong: ends.wrong,
  };
  say("| behind the promotion | times | median (ms) | worst (ms) |");
  say("| --- | ---: | ---: | ---: |");
  say(`| next token of all streams | ${times} | ${figures.streamsMedianMs} | ${figures.streamsWorstMs} |`);
  say(
    `| first token of a new request | ${times} | ${figures.requestsMedianMs} | ${figures.requestsWorstMs} |`,
  );
  say(`${ends.whole} streams whole, ${ends.error} ended with a clear error, ${ends.wrong} wrong`);
  return figures;
}

async function failOver(): Promise<FailoverOutcome> {
  const trio = await startSentinel({ durable: true });
  try {
    const system = await TestSystem.start({
      redisUrl: trio.url,
      experts: { code: ["code"] },
      interTokenLatencyMs: 20,
      workersPerExpert: 2,
    });
    try {
      const master = await trio.masterPort();
      return await runThroughFailover(system, {
        streams,
        maxTokens: tokens,
        kill: () => trio.kill(master, "SIGKILL"),
        promoted: () => trio.whenPromoted(master),
      });
    } finally {
      await system.stop();
    }
  } finally {
    await trio.stop();
  }
}
