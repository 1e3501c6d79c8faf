import {
  batchRequestId,
  newFileId,
  type Batch,
  type BatchId,
  type RequestId,
  type Terminal,
} from "@expert-router/contracts";
import { FileStoreUnavailable, readText } from "@expert-router/file-store";
import { waitFor } from "@expert-router/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StorageAdmission } from "../admission/storage-admission.js";
import { RequestIntake } from "../completions/request-intake.js";
import { FileDesk } from "../files/file-desk.js";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { BatchArchive } from "./batch-archive.js";
import { BatchRun } from "./batch-run.js";
import { BatchWatch } from "./batch-watch.js";
import type { LineBound } from "./line-feed.js";
import { LineRequests } from "./line-requests.js";

const tenant = "default";
const tickMs = 20;
let ingress: IngressFixture;
let timers: NodeJS.Timeout[] = [];

beforeEach(async () => {
  ingress = await startIngress();
  // Batches are run by the tests.
  await ingress.app.get(BatchWatch).stop();
});
afterEach(async () => {
  for (const timer of timers) clearInterval(timer);
  timers = [];
  await ingress.close();
});

async function submit(models: readonly string[]): Promise<BatchId> {
  const { files } = ingress.app.get(FileDesk);
  const id = newFileId();
  const lines = models.map((model, i) =>
    JSON.stringify({
      custom_id: `line-${i + 1}`,
      method: "POST",
      url: "/v1/chat/completions",
      body: { model, messages: [{ role: "user", content: `Question ${i + 1}` }] },
    }),
  );
  const text = Buffer.from(lines.join("\n"));
  await files.putContent(tenant, id, piece(text));
  await files.publish(tenant, {
    id,
    object: "file",
    bytes: text.length,
    created_at: 1,
    expires_at: Math.floor(Date.now() / 1_000) + 3_600,
    filename: "a.jsonl",
    purpose: "batch",
    status: "processed",
    status_details: null,
  });
  const made = await ingress.post("/v1/batches", {
    input_file_id: id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  return (made.json() as Batch).id as BatchId;
}

async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Runs a batch as a process that has just taken it. */
function take(id: BatchId, bound: Partial<LineBound> = {}): { run: BatchRun; ended: Promise<boolean> } {
  const { app, ports } = ingress;
  const bounds = new Map(
    ["code", "general"].map((expert) => [expert, { lines: 10, bytes: 1_000_000, served: true, ...bound }]),
  );
  const run = new BatchRun(
    {
      ports,
      intake: app.get(RequestIntake),
      archive: new BatchArchive(ports.files),
      files: app.get(FileDesk).files,
      lines: app.get(LineRequests),
      storage: app.get(StorageAdmission),
    },
    { id, tenant, inputFileId: "" },
    () => bounds,
  );
  const ended = run.run();
  ended.catch(() => undefined);
  timers.push(setInterval(() => void run.tick(Date.now()), tickMs));
  return { run, ended };
}

/** As a process that is killed when `lines` are on their way. */
async function takeAndLeave(id: BatchId, lines: number): Promise<void> {
  const { run, ended } = take(id);
  await waitFor("lines are on their way", () => waiting("code").length === lines);
  run.stop(new Error("killed"));
  await expect(ended).rejects.toThrow("killed");
}

function waiting(expert: string): RequestId[] {
  return ingress.ports.queues.get(expert)!.jobs.map((job) => job.id);
}

/** Does what a worker does with all lines that wait. */
function answerAll(expert: string): void {
  for (const id of waiting(expert)) answer(id, `answer of ${expert}`);
  ingress.ports.queues.get(expert)!.jobs.splice(0);
}

function answer(id: RequestId, text: string): void {
  const end: Terminal = {
    status: "completed",
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
  ingress.ports.logs.append(id, { epoch: 1, seq: 1 }, [
    { choices: [{ index: 0, delta: { content: text } }] },
  ]);
  ingress.ports.logs.end(id, end);
}

function archive(): BatchArchive {
  return new BatchArchive(ingress.ports.files);
}

/** Numbers of the chunks that are there. */
async function chunks(id: BatchId): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { number } of archive().chunks(tenant, id)) numbers.push(number);
  return numbers;
}

async function read(id: BatchId): Promise<Batch> {
  return (await ingress.get(`/v1/batches/${id}`)).json() as Batch;
}

/** What came of each line, by its `custom_id`. */
async function results(batch: Batch): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const file of [batch.output_file_id, batch.error_file_id]) {
    if (file === null) continue;
    const body = await ingress.app.get(FileDesk).files.content(tenant, file as never);
    for (const line of (await readText(body!)).trimEnd().split("\n")) {
      const { custom_id, response, error } = JSON.parse(line) as {
        custom_id: string;
        response: { body: { choices: [{ message: { content: string } }] } } | null;
        error: { code: string } | null;
      };
      expect(found, "each line once").not.toHaveProperty(custom_id);
      found[custom_id] = error?.code ?? response!.body.choices[0].message.content;
    }
  }
  return found;
}

const many = (count: number, model: string): string[] => Array.from({ length: count }, () => model);

describe("a batch", () => {
  it("keeps no expert waiting for one that is slow or away", async () => {
    const id = await submit([...many(600, "code"), ...many(50, "general")]);
    const { ended } = take(id);
    await waitFor("lines behind those of the slow expert are on their way", () => {
      answerAll("general");
      return ingress.ports.logs.states.get(batchRequestId(id, 650))?.status === "completed";
    });
    expect(waiting("code")).toHaveLength(10);
    await waitFor("the slow lines are through", async () => {
      expect(waiting("code").length).toBeLessThanOrEqual(10);
      answerAll("code");
      return (await Promise.race([ended, sleep(1)])) === true;
    });
    const batch = await read(id);
    expect(batch).toMatchObject({
      status: "completed",
      request_counts: { total: 650, completed: 650, failed: 0 },
    });
    const answers = Object.values(await results(batch));
    expect(answers.filter((text) => text === "answer of code")).toHaveLength(600);
    expect(answers.filter((text) => text === "answer of general")).toHaveLength(50);
  });

  it("bounds the bytes that are on their way, and runs a line that is larger alone", async () => {
    const id = await submit(many(9, "code"));
    const { ended } = take(id, { bytes: 1 });
    for (let line = 1; line <= 9; line++) {
      await waitFor("the next line waits", () => waiting("code").length === 1);
      answerAll("code");
    }
    expect(await ended).toBe(true);
    expect((await read(id)).request_counts?.completed).toBe(9);
  });

  it("that is cancelled behind a takeover keeps what was answered, and leaves nothing on a queue", async () => {
    const id = await submit(many(40, "code"));
    await takeAndLeave(id, 10);
    const answered = waiting("code")[3]!;
    answer(answered, "kept");
    await ingress.ports.queues.get("code")!.remove(answered);
    expect((await ingress.post(`/v1/batches/${id}/cancel`, {})).json()).toMatchObject({
      status: "cancelling",
    });
    expect(await take(id).ended).toBe(true);
    const batch = await read(id);
    expect(batch).toMatchObject({
      status: "cancelled",
      request_counts: { total: 40, completed: 1, failed: 39 },
    });
    expect(Object.entries(await results(batch)).filter(([, what]) => what !== "batch_cancelled")).toEqual([
      ["line-4", "kept"],
    ]);
    expect(waiting("code")).toEqual([]);
  });

  it("that nobody has begun is cancelled at once", async () => {
    const id = await submit(many(3, "code"));
    const cancelled = (await ingress.post(`/v1/batches/${id}/cancel`, {})).json() as Batch;
    expect(cancelled).toMatchObject({ status: "cancelled", output_file_id: null, error_file_id: null });
    expect(cancelled.cancelling_at).toBe(cancelled.cancelled_at);
    expect(await take(id).ended).toBe(true);
    expect((await ingress.post(`/v1/batches/${id}/cancel`, {})).statusCode).toBe(409);
    expect(waiting("code")).toEqual([]);
  });

  it("whose time is over ends as expired, with what was answered", async () => {
    const id = await submit(many(3, "code"));
    await takeAndLeave(id, 3);
    answer(batchRequestId(id, 2), "kept");
    const { version, ...stored } = (await archive().read(tenant, id))!;
    await archive().write({ ...stored, batch: { ...stored.batch, expires_at: 1 } }, version);
    expect(await take(id).ended).toBe(true);
    const batch = await read(id);
    expect(batch).toMatchObject({
      status: "expired",
      request_counts: { total: 3, completed: 1, failed: 2 },
    });
    expect(batch.expired_at).toBeGreaterThan(0);
    expect(await results(batch)).toEqual({
      "line-1": "batch_expired",
      "line-2": "kept",
      "line-3": "batch_expired",
    });
  });

  it.each([1, 2])("runs lines again whose results the store lost: chunk %i", async (lost) => {
    const id = await submit(many(6, "code"));
    const { files } = ingress.ports;
    const put = files.put.bind(files);
    files.put = () => Promise.reject(new FileStoreUnavailable("away"));
    const { ended } = take(id);
    await waitFor("lines are on their way", () => waiting("code").length === 6);
    for (const first of waiting("code").slice(0, 2)) {
      answer(first, "before");
      await ingress.ports.queues.get("code")!.remove(first);
    }
    await waitFor("they are written down", async () => (await chunks(id)).length === 1);
    answerAll("code");
    await expect(ended).rejects.toThrow("away");
    expect([(await read(id)).status, await chunks(id)]).toEqual(["finalizing", [1, 2]]);
    files.put = put;
    await files.delete(`batches/${tenant}/${id}/chunks/0000000${lost}`);
    const again = take(id);
    await waitFor("they wait again", () => waiting("code").length === [2, 4][lost - 1]);
    answerAll("code");
    expect(await again.ended).toBe(true);
    const batch = await read(id);
    expect(batch).toMatchObject({
      status: "completed",
      request_counts: { total: 6, completed: 6, failed: 0 },
    });
    expect(Object.keys(await results(batch))).toHaveLength(6);
    expect(await chunks(id)).toEqual([]);
  });

  it("goes on with lines of an expert that is not configured any more", async () => {
    const id = await submit(many(3, "code"));
    // As a process with another configuration left it.
    await ingress.ports.logs.create({
      id: batchRequestId(id, 2),
      kind: "batch",
      endpoint: "/v1/chat/completions",
      body: {},
      decision: { expert: "poetry", cluster: null, confidence: 1, reason: "pinned", routerVersion: null },
      tenant,
      priorityClass: "batch",
      expectedTokens: 1,
      createdAtMs: Date.now(),
      continuable: false,
      exposed: false,
    });
    const { ended } = take(id);
    await waitFor("all lines wait", () => waiting("code").length === 3);
    answerAll("code");
    expect(await ended).toBe(true);
    expect((await read(id)).request_counts).toMatchObject({ total: 3, completed: 3 });
  });
});

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
