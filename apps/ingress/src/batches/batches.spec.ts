import { noUsage } from "@expert-router/batch";
import {
  batchFileId,
  newBatchId,
  newFileId,
  type Batch,
  type BatchId,
  type FileId,
} from "@expert-router/contracts";
import { FileStoreUnavailable } from "@expert-router/file-store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoredFiles } from "../files/stored-file.js";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { BatchArchive } from "./batch-archive.js";
import { OpenBatches } from "./open-batches.js";

let ingress: IngressFixture;
beforeEach(async () => void (ingress = await startIngress()));
afterEach(() => ingress.close());

const nowS = Math.floor(Date.now() / 1_000);

/** Stores a file that expires at `expiresAt`. */
async function put(id: FileId, text: string, expiresAt = nowS + 3_600): Promise<void> {
  const files = new StoredFiles(ingress.ports.files);
  const content = (async function* () {
    yield Buffer.from(text);
  })();
  await files.putContent("default", id, content);
  await files.publish("default", {
    id,
    object: "file",
    bytes: text.length,
    created_at: 1,
    expires_at: expiresAt,
    filename: "a.jsonl",
    purpose: "batch",
    status: "processed",
    status_details: null,
  });
}

it("makes one batch of a key, however often it comes, and refuses another body", async () => {
  const id = newFileId();
  await put(id, "{}\n");
  const submission = { input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  const create = (body: object) => ingress.post("/v1/batches", body, { "idempotency-key": "k" });
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => create(submission)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map((answer) => (answer.json() as Batch).id)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers["idempotent-replayed"] === "true")).toHaveLength(4);
  expect((await create({ ...submission, metadata: { other: "x" } })).statusCode).toBe(422);
  expect(((await ingress.get("/v1/batches")).json() as { data: Batch[] }).data).toHaveLength(1);
});

it("makes no second batch of a key when the store takes the first one without saying so", async () => {
  const id = newFileId();
  await put(id, "{}\n");
  const { files } = ingress.ports;
  const create = files.create.bind(files);
  files.create = async (name, body) => {
    await create(name, body);
    if (name.includes("/versions/")) throw new FileStoreUnavailable("away");
    return true;
  };
  const submission = { input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  const ask = () => ingress.post("/v1/batches", submission, { "idempotency-key": "k" });
  expect((await ask()).statusCode).toBe(503);
  files.create = create;
  ingress.ports.endLeases();
  const { statusCode, headers } = await ask();
  expect([statusCode, headers["idempotent-replayed"]]).toEqual([200, "true"]);
  expect(((await ingress.get("/v1/batches")).json() as { data: Batch[] }).data).toHaveLength(1);
});

describe("the lines of a batch that has ended", () => {
  async function output(id: string, query = ""): Promise<unknown[]> {
    const answer = await ingress.get(`/v1/batches/${id}/output${query}`);
    const { "x-expert-router-complete": complete } = answer.headers;
    const isError = answer.statusCode !== 200;
    return [answer.statusCode, isError ? answer.json().error.code : answer.body, complete];
  }

  it("are in its files, and are not found once a file is gone; a part without a line is empty", async () => {
    const { id, batch } = endedBatch();
    const [outputId, expiredId] = [batchFileId(id, "output"), batchFileId(id, "errors")];
    const archive = new BatchArchive(ingress.ports.files);
    await put(outputId, "one\ntwo\n");
    await put(expiredId, "x\n", nowS - 1);
    const stored = { tenant: "default", outputExpiryS: 1 };
    const first = await archive.write({ ...stored, batch: { ...batch, output_file_id: outputId } }, 0);
    expect(await output(id)).toEqual([200, "one\ntwo\n", "true"]);
    expect(await output(id, "?offset=4")).toEqual([200, "two\n", "true"]);
    expect(await output(id, "?offset=8")).toEqual([200, "", "true"]);
    expect(await output(id, "?part=errors")).toEqual([200, "", "true"]);
    await ingress.app.inject({ method: "DELETE", url: `/v1/files/${outputId}` });
    expect(await output(id)).toEqual([404, "file_not_found", undefined]);
    await archive.write({ ...stored, batch: { ...first.batch, error_file_id: expiredId } }, 1);
    expect(await output(id, "?part=errors")).toEqual([404, "file_not_found", undefined]);
  });
});

it("keeps the input of a batch until its end, not until its mark is gone", async () => {
  const { id, batch } = endedBatch();
  const inputId = batch.input_file_id as FileId;
  await put(inputId, "{}\n");
  await new OpenBatches(ingress.ports).add({ id, tenant: "default", inputFileId: inputId });
  const remove = async (): Promise<number> =>
    (await ingress.app.inject({ method: "DELETE", url: `/v1/files/${inputId}` })).statusCode;
  expect(await remove(), "before there is a batch").toBe(409);
  const archive = new BatchArchive(ingress.ports.files);
  const stored = { tenant: "default", outputExpiryS: 1 };
  await archive.write({ ...stored, batch: { ...batch, status: "finalizing" } }, 0);
  expect(await remove(), "before its end").toBe(409);
  await archive.write({ ...stored, batch }, 1);
  expect(await remove(), "after its end").toBe(200);
});

function endedBatch(): { id: BatchId; batch: Batch } {
  const id = newBatchId();
  const batch: Batch = {
    id,
    object: "batch",
    endpoint: "/v1/chat/completions",
    model: null,
    errors: null,
    input_file_id: newFileId(),
    completion_window: "24h",
    status: "completed",
    output_file_id: null,
    error_file_id: null,
    created_at: nowS,
    in_progress_at: nowS,
    expires_at: nowS,
    finalizing_at: nowS,
    completed_at: nowS,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 2, completed: 2, failed: 0 },
    usage: noUsage,
    metadata: null,
  };
  return { id, batch };
}
