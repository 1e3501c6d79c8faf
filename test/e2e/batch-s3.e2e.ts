import { existsSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@expert-router/testing";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startS3, type TestS3 } from "../../libs/file-store/src/testing/s3-server.js";
import { TestSystem } from "../support/system.js";

const endpoint = "/v1/chat/completions";
const lines = 320;
/** The input is longer than what is read of a bucket at once. */
const padding = "x".repeat(16_000);
let s3: TestS3;
let system: TestSystem;

beforeAll(async () => {
  s3 = await startS3();
  const { bucket, region, endpoint: url, prefix, pathStyle, credentials } = s3.settings;
  system = await TestSystem.start({
    timeToFirstTokenMs: 20,
    interTokenLatencyMs: 20,
    ingresses: 2,
    engine: { concurrency: 8 },
    config: { files: { s3: { bucket, region, endpoint: url, prefix, path_style: pathStyle } } },
    env: {
      AWS_ACCESS_KEY_ID: credentials!.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials!.secretAccessKey,
    },
  });
});
afterAll(async () => {
  await system?.stop();
  await s3?.stop();
});

function client(ingress: number): OpenAI {
  return new OpenAI({ baseURL: `${system.ingresses[ingress]!.url}/v1`, apiKey: "none", maxRetries: 3 });
}

it(
  "runs a batch out of a bucket into a bucket, through the death of its process",
  { timeout: 150_000 },
  async () => {
    const [first, second] = [client(0), client(1)];
    const input = Array.from({ length: lines }, (_, i) =>
      JSON.stringify({
        custom_id: `line-${i}`,
        method: "POST",
        url: endpoint,
        body: {
          model: i % 2 === 0 ? "code" : "general",
          messages: [{ role: "user", content: `Question ${i}` }],
          max_tokens: 8,
          metadata: { padding },
        },
      }),
    ).join("\n");
    const file = await first.files.create({
      file: await toFile(Buffer.from(input), "a.jsonl"),
      purpose: "batch",
    });
    expect(file.bytes).toBe(Buffer.byteLength(input));
    const { id } = await first.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" });
    const whenDone = (
      openai: OpenAI,
      what: string,
      isSo: (batch: OpenAI.Batch) => boolean,
    ): Promise<boolean> =>
      waitFor(what, async () => isSo(await openai.batches.retrieve(id)), {
        timeoutMs: 60_000,
        intervalMs: 50,
      });
    const doneAtLeast = (least: number) => (batch: OpenAI.Batch) =>
      (batch.request_counts?.completed ?? 0) >= least;
    await whenDone(second, "40 lines are done", doneAtLeast(40));
    // One of the two had it, so it changes hands at one of these deaths.
    await system.ingresses[0]!.process.end("SIGKILL");
    await system.startIngress({ PORT: new URL(system.ingresses[0]!.url).port });
    await whenDone(second, "120 lines are done", doneAtLeast(120));
    await system.ingresses[1]!.process.end("SIGKILL");
    await whenDone(first, "the batch is completed", ({ status }) => status === "completed");
    const batch = await first.batches.retrieve(id);
    expect(batch).toMatchObject({
      request_counts: { total: lines, completed: lines, failed: 0 },
      usage: { output_tokens: 8 * lines },
      error_file_id: null,
    });
    const output = await (await first.files.content(batch.output_file_id!)).text();
    expect((await first.files.retrieve(batch.output_file_id!)).bytes).toBe(Buffer.byteLength(output));
    const ids = output
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
    expect(ids.toSorted()).toEqual(Array.from({ length: lines }, (_, i) => `line-${i}`).toSorted());
    expect(await (await first.files.content(file.id)).text()).toBe(input);
    expect(await first.files.delete(file.id)).toMatchObject({ deleted: true });
    expect(existsSync(join(system.dataFolder, "files"))).toBe(false);
  },
);
