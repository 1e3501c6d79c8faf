/** How many log entries that Redis had acknowledged are gone after kill -9, by fsync policy. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectRedis } from "@expert-router/redis";
import { startRedis } from "@expert-router/testing";

const policies = ["memory", "no", "everysec", "always"] as const;

/** What one policy came to, all kills together. */
export interface FsyncFigures {
  readonly policy: (typeof policies)[number];
  readonly kills: number;
  readonly acknowledged: number;
  readonly missing: number;
  readonly worst: number;
  /** Entries a second that were acknowledged, of all writers together. */
  readonly perSecond: number;
}

const writers = 16;

/** Kills Redis `times` times under each policy, while 16 connections append to a stream each. */
export async function measureFsyncLoss(times: number, say: (line: string) => void): Promise<FsyncFigures[]> {
  say("| policy | kills | acknowledged | missing | worst kill | entries/s |");
  say("| --- | ---: | ---: | ---: | ---: | ---: |");
  const figures: FsyncFigures[] = [];
  for (const policy of policies) {
    let [acknowledged, missing, worst, elapsedMs] = [0, 0, 0, 0];
    for (let time = 0; time < times; time++) {
      const durationMs = 1_000 + 150 * time;
      const counts = await killWhileWriting(policy, durationMs);
      acknowledged += counts.acknowledged;
      missing += counts.missing;
      worst = Math.max(worst, counts.missing);
      elapsedMs += durationMs;
    }
    const perSecond = Math.round((acknowledged / elapsedMs) * 1_000);
    say(`| ${policy} | ${times} | ${acknowledged} | ${missing} | ${worst} | ${perSecond} |`);
    figures.push({ policy, kills: times, acknowledged, missing, worst, perSecond });
  }
  return figures;
}

async function killWhileWriting(
  policy: FsyncFigures["policy"],
  durationMs: number,
): Promise<{ acknowledged: number; missing: number }> {
  const durable = policy !== "memory";
  const server = await startRedis({ durable, args: durable ? ["--appendfsync", policy] : [] });
  const written = Array.from({ length: writers }, () => 0);
  let over = false;
  const writing = written.map(async (_, writer) => {
    const redis = connectRedis(server.url, { mode: "fail-fast", name: "writer", onError: () => undefined });
    await new Promise((resolve) => redis.once("ready", resolve));
    try {
      while (!over) {
        const next = (written[writer] as number) + 1;
        await redis.xadd(`log-${writer}`, `1-${next}`, "d", '["a token or two "]');
        written[writer] = next;
      }
    } catch {
      // Killed: what was acknowledged is counted.
    }
    redis.disconnect();
  });
  await sleep(durationMs);
  server.kill("SIGKILL");
  over = true;
  await Promise.all(writing);
  await server.restart();
  const reader = connectRedis(server.url, { mode: "wait", name: "reader", onError: () => undefined });
  const kept = await Promise.all(written.map((_, writer) => reader.xlen(`log-${writer}`)));
  reader.disconnect();
  await server.stop();
  return {
    acknowledged: written.reduce((sum, each) => sum + each, 0),
    missing: written.reduce((sum, each, writer) => sum + Math.max(0, each - (kept[writer] as number)), 0),
  };
}
