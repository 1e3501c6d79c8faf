import { waitFor } from "@expert-router/testing";
import OpenAI, { ConflictError, NotFoundError, toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

let system: TestSystem;
let openai: OpenAI;
let stranger: OpenAI;

beforeAll(async () => {
  system = await TestSystem.start({
    timeToFirstTokenMs: 0,
    interTokenLatencyMs: 3,
    ingresses: 2,
    env: { EXPERT_ROUTER_API_KEYS: "test-key-1,test-key-2" },
  });
  const options = { baseURL: `${system.url}/v1`, maxRetries: 0 };
  openai = new OpenAI({ ...options, apiKey: "test-key-1" });
  stranger = new OpenAI({ ...options, apiKey: "test-key-2" });
});
afterAll(() => system?.stop());

const endpoint = "/v1/chat/completions";

function line(customId: string, prompt: string, body: Record<string, unknown> = {}): string {
  const messages = [{ role: "user", content: prompt }];
  return JSON.stringify({
    custom_id: customId,
    method: "POST",
    url: endpoint,
    body: { model: "auto", messages, max_tokens: 5, ...body },
  });
}

async function upload(lines: readonly string[], client = openai): Promise<string> {
  const file = await client.files.create({
    file: await toFile(Buffer.from(`${lines.join("\n")}\n`), "requests.jsonl"),
    purpose: "batch",
  });
  return file.id;
}

async function submit(lines: readonly string[]): Promise<Batch> {
  return openai.batches.create({ input_file_id: await upload(lines), endpoint, completion_window: "24h" });
}

async function ended(id: string): Promise<Batch> {
  let batch = await openai.batches.retrieve(id);
  await waitFor(
    "the batch ends",
    async () => {
      batch = await openai.batches.retrieve(id);
      return ["completed", "failed", "expired", "cancelled"].includes(batch.status);
    },
    { timeoutMs: 40_000, intervalMs: 100 },
  );
  return batch;
}

interface ResultLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: never;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

async function content(fileId: string | undefined): Promise<ResultLine[]> {
  const text = await (await openai.files.content(fileId!)).text();
  return text
    .trimEnd()
    .split("\n")
    .map((each) => JSON.parse(each) as ResultLine);
}

describe("files", () => {
  it("are uploaded, listed, read and deleted by the official client", async () => {
    const lines = [line("a", "Hello"), line("b", "Bye")];
    const id = await upload(lines);
    const file = await openai.files.retrieve(id);
    const text = `${lines.join("\n")}\n`;
    expect(file).toMatchObject({
      object: "file",
      bytes: Buffer.byteLength(text),
      filename: "requests.jsonl",
      purpose: "batch",
      status: "processed",
    });
    expect(file.expires_at! - file.created_at).toBe(30 * 86_400);
    expect(await (await openai.files.content(id)).text()).toBe(text);
    const other = await upload(lines);
    const listed: string[] = [];
    for await (const each of openai.files.list({ limit: 1, purpose: "batch" })) listed.push(each.id);
    expect(listed.slice(0, 2)).toEqual([other, id]);
    expect((await openai.files.list({ order: "asc", after: id })).data.map((each) => each.id)).toEqual([
      other,
    ]);
    await expect(stranger.files.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
    expect(await openai.files.delete(id)).toEqual({ id, object: "file", deleted: true });
    await expect(openai.files.content(id)).rejects.toMatchObject({ code: "file_not_found", status: 404 });
    await openai.files.delete(other);
  });

  it("take the expiry that was asked for", async () => {
    const file = await openai.files.create({
      file: await toFile(Buffer.from(line("a", "Hello")), "a.jsonl"),
      purpose: "batch",
      expires_after: { anchor: "created_at", seconds: 3_600 },
    });
    expect(file.expires_at! - file.created_at).toBe(3_600);
  });
});

describe("a batch", () => {
  it("is run line by line, each by its own expert", async () => {
    const prompts = [
      ["sql", "Write a SQL query that counts the orders of each day in PostgreSQL."],
      ["history", "When did the Roman Empire fall, and why?"],
    ] as const;
    const batch = await openai.batches.create({
      input_file_id: await upload([
        ...prompts.map(([id, prompt]) => line(id, prompt)),
        line("pinned", "Hello", { model: "code" }),
        line("wrong", "Hello", { temperature: 7 }),
      ]),
      endpoint,
      completion_window: "24h",
      metadata: { run: "first" },
      output_expires_after: { anchor: "created_at", seconds: 7_200 },
    });
    expect(batch).toMatchObject({
      object: "batch",
      status: "validating",
      errors: null,
      metadata: { run: "first" },
    });
    const end = await ended(batch.id);
    expect(end).toMatchObject({
      status: "completed",
      request_counts: { total: 4, completed: 3, failed: 1 },
      usage: { output_tokens: 15 },
    });
    for (const time of ["in_progress_at", "finalizing_at", "completed_at"] as const)
      expect(end[time], time).toBeGreaterThanOrEqual(end.created_at);
    const answers = new Map((await content(end.output_file_id)).map((each) => [each.custom_id, each]));
    expect([...answers.keys()].sort()).toEqual(["history", "pinned", "sql"]);
    const model = (id: string) => (answers.get(id)!.response!.body as { model: string }).model;
    expect([model("sql"), model("history"), model("pinned")]).toEqual(["code", "general", "code"]);
    expect(answers.get("sql")).toMatchObject({ error: null, response: { status_code: 200 } });
    expect(await content(end.error_file_id)).toMatchObject([
      {
        custom_id: "wrong",
        error: null,
        response: { status_code: 400, body: { error: { param: "temperature" } } },
      },
    ]);
    const output = await openai.files.retrieve(end.output_file_id!);
    expect(output).toMatchObject({ purpose: "batch_output", filename: `${batch.id}_output.jsonl` });
    expect(output.expires_at! - output.created_at).toBe(7_200);
    const listed: string[] = [];
    for await (const each of openai.batches.list({ limit: 1 })) listed.push(each.id);
    expect(listed).toContain(batch.id);
    await expect(stranger.batches.retrieve(batch.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(openai.batches.cancel(batch.id)).rejects.toBeInstanceOf(ConflictError);
  });

  it("fails with the numbers of its bad lines", async () => {
    const { id } = await submit([
      line("a", "Hello"),
      "{",
      "",
      line("a", "Bye"),
      line("b", "Hi", { model: "none" }),
    ]);
    expect(await ended(id)).toMatchObject({
      status: "failed",
      errors: {
        object: "list",
        data: [
          { code: "invalid_json_line", line: 2 },
          { code: "duplicate_custom_id", line: 4, param: "custom_id" },
          { code: "model_not_found", line: 5, param: "body.model" },
        ],
      },
    });
  });

  it("is cancelled with what is done, and shows it while it runs", async () => {
    const slow = await openai.batches.create({
      input_file_id: await upload([
        ...Array.from({ length: 3 }, (_, i) => line(`quick-${i}`, `Question ${i}`, { model: "code" })),
        ...Array.from({ length: 3 }, (_, i) =>
          line(`slow-${i}`, "Long", { model: "code", max_tokens: 20_000 }),
        ),
      ]),
      endpoint,
      completion_window: "24h",
    });
    await waitFor(
      "three are done",
      async () => (await openai.batches.retrieve(slow.id)).request_counts?.completed === 3,
      { timeoutMs: 20_000 },
    );
    let partial = "";
    await waitFor("they can be read", async () => {
      const answer = await fetch(
        `${system.url}/v1/batches/${slow.id}/output?offset=${Buffer.byteLength(partial)}`,
        {
          headers: { authorization: "Bearer test-key-1" },
        },
      );
      partial += await answer.text();
      return partial.split("\n").length === 4;
    });
    await expect(openai.files.delete(slow.input_file_id)).rejects.toMatchObject({ code: "file_in_use" });
    expect((await openai.batches.cancel(slow.id)).status).toBe("cancelling");
    const end = await ended(slow.id);
    expect(end).toMatchObject({ status: "cancelled", request_counts: { total: 6, completed: 3, failed: 3 } });
    expect(end.cancelled_at).toBeGreaterThanOrEqual(end.cancelling_at!);
    expect(await (await openai.files.content(end.output_file_id!)).text()).toBe(partial);
    const errors = await content(end.error_file_id);
    expect(errors.map((each) => each.error?.code)).toEqual(
      Array.from({ length: 3 }, () => "batch_cancelled"),
    );
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0);
  });
});
