import { newFileId, type Batch, type FileObject } from "@expert-router/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StoredFiles } from "../files/stored-file.js";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";

let ingress: IngressFixture;
beforeEach(async () => void (ingress = await startIngress()));
afterEach(() => ingress.close());

it("makes one batch of a key, however often it comes, and refuses another body", async () => {
  const id = newFileId();
  const files = new StoredFiles(ingress.ports.files);
  const content = (async function* () {
    yield Buffer.from("{}\n");
  })();
  await files.putContent("default", id, content);
  const file: FileObject = {
    id,
    object: "file",
    bytes: 3,
    created_at: 1,
    expires_at: Math.floor(Date.now() / 1_000) + 3_600,
    filename: "a.jsonl",
    purpose: "batch",
    status: "processed",
    status_details: null,
  };
  await files.publish("default", file);
  const submission = { input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  const create = (body: object) => ingress.post("/v1/batches", body, { "idempotency-key": "k" });
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => create(submission)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map((answer) => (answer.json() as Batch).id)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers["idempotent-replayed"] === "true")).toHaveLength(4);
  expect((await create({ ...submission, metadata: { other: "x" } })).statusCode).toBe(422);
  expect(((await ingress.get("/v1/batches")).json() as { data: Batch[] }).data).toHaveLength(1);
});
