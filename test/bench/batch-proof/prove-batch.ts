import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import type { BatchProof } from "./batch-proof.js";
import { writePrompts } from "./prompt-lines.js";
import { ProofSystem } from "./proof-system.js";

export interface BatchFigures {
  readonly lines: number;
  readonly kills: number;
  /** Those that were asked for: a batch that ends before them proves nothing. */
  readonly killsAsked: number;
  readonly uploadS: number;
  readonly validatedS: number;
  readonly runS: number;
  /** What two processors would do that do nothing else. */
  readonly linesPerTwoCpuS: number;
  readonly cpuMsPerLine: Readonly<Record<string, number>>;
  readonly rssBeforeMb: number;
  readonly rssMaxMb: number;
  readonly redisMaxMb: number;
  readonly engineCalls: number;
  readonly missing: number;
  readonly twice: number;
  readonly failed: number;
  readonly status: string;
}

const pollMs = 250;
const endpoint = "/v1/chat/completions";

/** Runs one batch to its end, through kills, and counts. */
export async function proveBatch(proof: BatchProof, say: (line: string) => void): Promise<BatchFigures> {
  const input = await writePrompts(proof);
  const system = await ProofSystem.start(proof);
  try {
    const client = new OpenAI({
      baseURL: `${system.url}/v1`,
      apiKey: "none",
      maxRetries: 5,
      timeout: 60_000,
    });
    const rssBeforeMb = system.ingressMb();
    const startedAt = performance.now();
    const file = await client.files.create({ file: await toFile(input, "prompts.jsonl"), purpose: "batch" });
    const createdAt = performance.now();
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint,
      completion_window: "24h",
    });
    let runningAt: number | undefined;
    let kills = 0;
    let batch: Batch | undefined;
    let said = 0;
    for (;;) {
      await sleep(pollMs);
      system.measure();
      // Away for a moment, as after a kill, is no matter.
      batch = (await client.batches.retrieve(id).catch(() => undefined)) ?? batch;
      const { completed = 0 } = batch?.request_counts ?? {};
      if (runningAt === undefined && batch !== undefined && batch.status !== "validating") {
        runningAt = performance.now();
        system.measure();
        system.startCounting();
      }
      if (isEnded(batch)) break;
      if (performance.now() - said > 5_000) {
        said = performance.now();
        const seconds = ((said - startedAt) / 1_000).toFixed(0);
        say(`  ${batch?.status}: ${completed} lines, ${seconds} s, ${await system.memoryLine()}`);
      }
      if (kills < proof.kills && completed >= ((kills + 1) * proof.lines) / (proof.kills + 1)) {
        kills += 1;
        await system.killEverything();
        say(`  kill -9 of everything at ${completed} lines (${kills} of ${proof.kills})`);
        await system.restart();
      }
    }
    const endedAt = performance.now();
    system.measure();
    const cpuMs = system.cpuMs();
    const cpuMsPerLine = Object.fromEntries(
      Object.entries(cpuMs).map(([name, ms]) => [name, ms / proof.lines]),
    );
    const totalMs = Object.values(cpuMsPerLine).reduce((sum, ms) => sum + ms, 0);
    return {
      lines: proof.lines,
      kills,
      killsAsked: proof.kills,
      uploadS: (createdAt - startedAt) / 1_000,
      validatedS: ((runningAt ?? endedAt) - createdAt) / 1_000,
      runS: (endedAt - (runningAt ?? createdAt)) / 1_000,
      linesPerTwoCpuS: 2_000 / totalMs,
      cpuMsPerLine,
      rssBeforeMb,
      rssMaxMb: system.ingressMaxMb,
      redisMaxMb: system.redisMaxMb,
      engineCalls: await system.engineCalls(),
      ...(await countResults(client, batch!, proof.lines)),
      failed: batch!.request_counts?.failed ?? 0,
      status: batch!.status,
    };
  } finally {
    await system.stop();
  }
}

function isEnded(batch: Batch | undefined): boolean {
  return ["completed", "failed", "expired", "cancelled"].includes(batch?.status ?? "");
}

async function countResults(
  client: OpenAI,
  batch: Batch,
  lines: number,
): Promise<{ missing: number; twice: number }> {
  const times = new Map<string, number>();
  for (const id of [batch.output_file_id, batch.error_file_id]) {
    if (id == null) continue;
    const text = await (await client.files.content(id)).text();
    for (const line of text.trimEnd().split("\n")) {
      const { custom_id: customId } = JSON.parse(line) as { custom_id: string };
      times.set(customId, (times.get(customId) ?? 0) + 1);
    }
  }
  let missing = 0;
  for (let i = 1; i <= lines; i++) if (!times.has(`line-${i}`)) missing += 1;
  let twice = 0;
  for (const count of times.values()) twice += count - 1;
  return { missing, twice };
}
