/** How long a reader waits for the next token of its answer, by what was killed. */
import { setTimeout as sleep } from "node:timers/promises";
import { redisKeys, type RequestId, type WorkerReport } from "@expert-router/contracts";
import { connectRedis } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import type { Ask } from "./ask.js";
import { play } from "./clients.js";
import { expectedText } from "./expected-text.js";
import { FaultedSystem } from "./faulted-system.js";
import { median } from "./summary.js";
import { Trace } from "./trace.js";

const scenarios = ["worker killed", "engine killed", "redis restarted"] as const;
type Scenario = (typeof scenarios)[number];

/** What one scenario came to; ms. */
export interface RecoveryFigures {
  readonly scenario: Scenario;
  readonly times: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Answers that were not exactly what the simulator says. */
  readonly wrong: number;
}

const streams = 6;
const tokens = 250;
const redisPauseMs = 500;

/** Measures every scenario `times` times: the slowest of those answers that the fault hit. */
export async function measureRecovery(
  times: number,
  say: (line: string) => void,
): Promise<RecoveryFigures[]> {
  const system = await FaultedSystem.start({ fsync: "always", experts: { code: ["code"] }, ingresses: 1 });
  const redis = connectRedis(system.redis.url, { mode: "wait", name: "recovery", onError: () => undefined });
  const figures: RecoveryFigures[] = [];
  try {
    say("| fault | times | median (ms) | worst (ms) | wrong answers |");
    say("| --- | ---: | ---: | ---: | ---: |");
    for (const scenario of scenarios) {
      const waits: number[] = [];
      let wrong = 0;
      for (let time = 0; time < times; time++) {
        const traces = askSome(`${scenario} ${time}`);
        const ends = traces.map((trace) => play(trace.ask, (index) => system.url(index), trace));
        await waitFor("all answers run", () => traces.every((trace) => trace.tokens > 30), {
          timeoutMs: 30_000,
        });
        const workerOfFirst = await workerOf(traces[0]?.id as RequestId);
        const { fromMs, heal } = await strike(scenario, workerOfFirst);
        await Promise.all(ends);
        for (const { ending, text, ask, id } of traces) {
          if (ending?.type === "completed" && text === ask.expected) continue;
          wrong += 1;
          say(`${id}: ${JSON.stringify(ending)}, ${text.length} of ${ask.expected.length} characters`);
        }
        waits.push(Math.max(...traces.map((trace) => waitAfter(trace, fromMs))));
        await heal();
        await system.healthy();
      }
      const figure = {
        scenario,
        times,
        medianMs: Math.round(median(waits)),
        worstMs: Math.round(Math.max(...waits)),
        wrong,
      };
      say(`| ${scenario} | ${times} | ${figure.medianMs} | ${figure.worstMs} | ${wrong} |`);
      figures.push(figure);
    }
  } finally {
    redis.disconnect();
    await system.stop();
  }
  return figures;

  async function workerOf(id: RequestId): Promise<number> {
    const worker = await redis.hget(redisKeys.meta(id), "worker");
    const report = await redis.hget(redisKeys.workers("code"), worker ?? "");
    const { pid } = JSON.parse(report ?? "{}") as WorkerReport;
    return system.workers.findIndex((each) => each.process.pid === pid);
  }

  async function strike(
    scenario: Scenario,
    victim: number,
  ): Promise<{ fromMs: number; heal: () => Promise<void> }> {
    if (scenario === "redis restarted") {
      return { fromMs: await system.restartRedis(redisPauseMs), heal: async () => undefined };
    }
    // Each worker has the engine of its own number.
    const part = scenario === "worker killed" ? system.workers[victim] : system.engines[victim];
    if (part === undefined) throw new Error("nobody runs the answer");
    const fromMs = performance.now();
    FaultedSystem.kill(part);
    return {
      fromMs,
      heal: async () => {
        await FaultedSystem.revive(part);
        // Until the dead worker's heartbeat is old, two would seem to be there.
        await sleep(2_500);
      },
    };
  }
}

/** The longest pause between tokens that ends behind `fromMs`, counted from there. */
function waitAfter({ pieces }: Trace, fromMs: number): number {
  let longest = 0;
  for (let i = 1; i < pieces.length; i++) {
    const [last, next] = [pieces[i - 1] as number, pieces[i] as number];
    if (next > fromMs) longest = Math.max(longest, next - Math.max(last, fromMs));
  }
  return longest;
}

function askSome(name: string): Trace[] {
  return Array.from({ length: streams }, (_, number): Trace => {
    const prompt = `${name}, question ${number}`;
    const ask: Ask = {
      number,
      atMs: 0,
      kind: "stream",
      ingress: 0,
      prompt,
      maxTokens: tokens,
      expected: expectedText(prompt, tokens),
      model: "code",
      engineFault: undefined,
      act: { type: "stay", afterTokens: 0 },
    };
    return new Trace(ask);
  });
}
