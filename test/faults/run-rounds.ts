import { connectRedis } from "@expert-router/redis";
import type { FaultKind } from "./fault-kinds.js";
import { FaultedSystem, type FaultedSystemOptions } from "./faulted-system.js";
import { runRound, type RoundResult } from "./round.js";
import { roundLines } from "./summary.js";

/** A run of the proof. */
export interface RunOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Number of the first round; what happens in a round depends on the seed and its number alone. */
  readonly first: number;
  readonly only: readonly FaultKind[];
  readonly fsync: FaultedSystemOptions["fsync"];
}

/** Starts the system, runs the rounds, and ends it. */
export async function runRounds(options: RunOptions, say: (line: string) => void): Promise<RoundResult[]> {
  const { seed, only, fsync } = options;
  const system = await FaultedSystem.start({ fsync });
  const redis = connectRedis(system.redis.url, { mode: "wait", name: "audit", onError: () => undefined });
  const results: RoundResult[] = [];
  try {
    for (let round = options.first; round < options.first + options.rounds; round++) {
      const result = await runRound(system, redis, { seed, round, only });
      const flags = [`--seed ${seed} --rounds 1 --first ${round} --fsync ${fsync}`];
      if (only.length > 0) flags.push(`--only ${only.join(",")}`);
      for (const line of roundLines(result, `npm run faults -- ${flags.join(" ")}`)) say(line);
      results.push(result);
    }
  } finally {
    redis.disconnect();
    await system.stop();
  }
  return results;
}
