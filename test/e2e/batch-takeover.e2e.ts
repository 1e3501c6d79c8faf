import { waitFor } from "@expert-router/testing";
import { connectRedis } from "@expert-router/redis";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { afterEach, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

const endpoint = "/v1/chat/completions";
const lines = 400;
let system: TestSystem;
afterEach(() => system?.stop());

async function startSystem(): Promise<void> {
  system = await TestSystem.start({
    timeToFirstTokenMs: 20,
    interTokenLatencyMs: 20,
    ingresses: 2,
    engine: { concurrency: 8 },
  });
}

function client(ingress: number): OpenAI {
  return new OpenAI({ baseURL: `${system.ingresses[ingress]!.url}/v1`, apiKey: "none", maxRetries: 3 });
}

async function submit(openai: OpenAI): Promise<string> {
  const requests = Array.from({ length: lines }, (_, i) =>
    JSON.stringify({
      custom_id: `line-${i}`,
      method: "POST",
      url: endpoint,
      body: {
        model: i % 2 === 0 ? "code" : "general",
        messages: [{ role: "user", content: `Question ${i}` }],
        max_tokens: 8,
      },
    }),
  );
  const file = await openai.files.create({
    file: await toFile(Buffer.from(requests.join("\n")), "a.jsonl"),
    purpose: "batch",
  });
  return (await openai.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" })).id;
}

async function whenDone(openai: OpenAI, id: string, least: number): Promise<void> {
  await waitFor(
    `${least} lines are done`,
    async () => ((await openai.batches.retrieve(id)).request_counts?.completed ?? 0) >= least,
    { timeoutMs: 40_000, intervalMs: 50 },
  );
}

/** The completed batch, and the ids of the lines in its output. */
async function completed(openai: OpenAI, id: string): Promise<{ batch: Batch; ids: string[] }> {
  let batch: Batch = await openai.batches.retrieve(id);
  await waitFor(
    "the batch is completed",
    async () => {
      batch = await openai.batches.retrieve(id);
      return batch.status === "completed";
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  const output = await (await openai.files.content(batch.output_file_id!)).text();
  const ids = output
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
  return { batch, ids };
}

const whole = {
  batch: {
    request_counts: { total: lines, completed: lines, failed: 0 },
    usage: { output_tokens: 8 * lines },
  },
  ids: Array.from({ length: lines }, (_, i) => `line-${i}`).toSorted(),
};

it(
  "goes on with a batch whose process was killed or frozen, wherever it ran",
  { timeout: 150_000 },
  async () => {
    await startSystem();
    const id = await submit(client(0));
    await whenDone(client(1), id, 40);
    // One of the two had it, so the other has it after one of these.
    system.ingresses[0]!.process.kill("SIGSTOP");
    await whenDone(client(1), id, 150);
    system.ingresses[0]!.process.kill("SIGCONT");
    await whenDone(client(0), id, 160);
    await system.ingresses[1]!.process.end();
    const { batch, ids } = await completed(client(0), id);
    expect({ batch, ids: ids.toSorted() }).toMatchObject(whole);
  },
);

it("goes on with a batch that Redis has forgotten", { timeout: 150_000 }, async () => {
  await startSystem();
  const openai = client(0);
  const id = await submit(openai);
  await whenDone(openai, id, 100);
  const redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
  await redis.flushall();
  redis.disconnect();
  const { batch, ids } = await completed(openai, id);
  expect({ batch, ids: ids.toSorted() }).toMatchObject(whole);
});
