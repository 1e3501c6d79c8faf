import { setTimeout as sleep } from "node:timers/promises";
import { connectRedis } from "@expert-router/redis";
import { waitFor } from "@expert-router/testing";
import { TestSystem, type TestSystemOptions } from "../support/system.js";
import { Client, nowMs, type Ask, type Outcome } from "./client.js";
import { recordsOf, type RequestTimes, type ScenarioRedis } from "./request-records.js";

/** The pace of a simulated engine. */
export interface EnginePace {
  /** Requests that it generates at once. */
  readonly sequences: number;
  readonly tokenMs: number;
  readonly firstTokenMs: number;
}

/** Tokens a second that an engine of this pace makes when every sequence is busy with answers of `answerTokens`. */
export function tokensPerS({ sequences, tokenMs, firstTokenMs }: EnginePace, answerTokens: number): number {
  return (sequences * answerTokens * 1_000) / serviceMs({ tokenMs, firstTokenMs }, answerTokens);
}

/** Time that an engine takes for one answer. */
export function serviceMs(
  { tokenMs, firstTokenMs }: Pick<EnginePace, "tokenMs" | "firstTokenMs">,
  answerTokens: number,
): number {
  return firstTokenMs + (answerTokens - 1) * tokenMs;
}

export interface ScenarioSystemOptions extends TestSystemOptions {
  readonly pace: EnginePace;
}

/** The expert of scenarios that need only one. */
export const expert = "general";

/** The whole system with one expert unless said otherwise, its clients, and a look into its Redis. */
export class ScenarioSystem {
  private constructor(
    readonly system: TestSystem,
    private ownClient: Client | undefined,
    readonly redis: ScenarioRedis,
  ) {}

  static async start({ pace, ...options }: ScenarioSystemOptions): Promise<ScenarioSystem> {
    const system = await TestSystem.start({
      experts: { [expert]: ["general"] },
      timeToFirstTokenMs: pace.firstTokenMs,
      interTokenLatencyMs: pace.tokenMs,
      simulatorArgs: [`--max-num-seqs=${pace.sequences}`],
      engine: { concurrency: pace.sequences },
      ...options,
    });
    const redis = connectRedis(system.redis.url, {
      mode: "wait",
      name: "scenario",
      onError: () => undefined,
    });
    return new ScenarioSystem(
      system,
      system.ingresses.length > 0 ? new Client(system.url) : undefined,
      redis,
    );
  }

  get client(): Client {
    if (this.ownClient === undefined) throw new Error("there is no ingress yet");
    return this.ownClient;
  }

  /** The ingress, where the system was started without one. */
  async startIngress(): Promise<void> {
    this.ownClient = new Client(await this.system.startIngress());
  }

  records(outcomes: readonly Outcome[]): Promise<RequestTimes[]> {
    return recordsOf(this.redis, outcomes);
  }

  /** Cancels the jobs that still wait and resolves when those that run have ended. */
  async clear(outcomes: readonly Outcome[]): Promise<void> {
    const waiting = (await this.records(outcomes)).filter(({ status }) => status === "queued").values();
    const canceller = async (): Promise<void> => {
      for (const { outcome } of waiting) await this.client.cancel(outcome.id as string, outcome.ask.key);
    };
    await Promise.all(Array.from({ length: 32 }, canceller));
    await this.whenEnded(outcomes);
  }

  /** Resolves when every one of them that was accepted has ended. */
  async whenEnded(outcomes: readonly Outcome[], timeoutMs = 120_000): Promise<RequestTimes[]> {
    return waitFor(
      "all requests have ended",
      async () => {
        const records = await this.records(outcomes);
        return records.every(({ finishedAtMs }) => finishedAtMs !== undefined) ? records : undefined;
      },
      { timeoutMs, intervalMs: 200 },
    );
  }

  async stop(): Promise<void> {
    await this.ownClient?.close();
    this.redis.disconnect();
    await this.system.stop();
  }
}

/** Asks that differ in their prompt, so that no two of them are the same request. */
export function numberedAsks(count: number, ask: (number: number) => Omit<Ask, "prompt" | "model">): Ask[] {
  return Array.from({ length: count }, (_, number) => ({
    model: expert,
    prompt: `Question ${number}.`,
    ...ask(number),
  }));
}

/** Waits, and answers the span of time it has waited. */
export async function spanOf(durationMs: number): Promise<{ fromMs: number; toMs: number }> {
  const fromMs = nowMs();
  await sleep(durationMs);
  return { fromMs, toMs: nowMs() };
}
