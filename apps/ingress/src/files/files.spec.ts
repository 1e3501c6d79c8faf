import {
  batchFileId,
  isFileId,
  newBatchId,
  newFileId,
  requestIdBound,
  type BatchId,
  type FileId,
  type FileObject,
} from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { FileSweep } from "./file-sweep.js";
import { StoredFiles } from "./stored-file.js";
import { timeOfUlid } from "./ulid-time.js";

let ingress: IngressFixture;
beforeEach(async () => void (ingress = await startIngress()));
afterEach(() => ingress.close());

const day = 86_400;
const nowS = Math.floor(Date.now() / 1_000);

async function put(expiresAt: number, tenant = "default"): Promise<FileId> {
  const id = newFileId();
  const files = new StoredFiles(ingress.ports.files);
  await files.putContent(
    tenant,
    id,
    (async function* () {
      yield Buffer.from("{}\n");
    })(),
  );
  const file: FileObject = {
    id,
    object: "file",
    bytes: 3,
    created_at: nowS,
    expires_at: expiresAt,
    filename: "a.jsonl",
    purpose: "batch",
    status: "processed",
    status_details: null,
  };
  await files.publish(tenant, file);
  return id;
}

async function get(
  path: string,
): Promise<{ status: number; body: { data: { id: string }[]; error: { code: string } } & FileObject }> {
  const answer = await ingress.get(path);
  return { status: answer.statusCode, body: answer.json() };
}

describe("files", () => {
  it("are not there any more once they have expired", async () => {
    const [kept, expired] = [await put(nowS + day), await put(nowS - 1)];
    expect((await get(`/v1/files/${kept}`)).body.id).toBe(kept);
    expect(await get(`/v1/files/${expired}`)).toMatchObject({
      status: 404,
      body: { error: { code: "file_not_found" } },
    });
    expect((await get("/v1/files")).body.data.map(({ id }) => id)).toEqual([kept]);
  });

  it("belong to one tenant", async () => {
    const id = await put(nowS + day, "key-0123456789abcdef");
    expect((await get(`/v1/files/${id}`)).status).toBe(404);
    expect((await get("/v1/files")).body.data).toEqual([]);
  });

  it("are swept when they have expired, and what never was finished after two days", async () => {
    const [kept, expired, foreign] = [
      await put(nowS + 9 * day),
      await put(nowS - 1),
      await put(nowS - 1, "key-1"),
    ];
    const files = new StoredFiles(ingress.ports.files);
    const unfinished = newFileId();
    await files.putContent(
      "default",
      unfinished,
      (async function* () {
        yield Buffer.from("{");
      })(),
    );
    const sweep = ingress.app.get(FileSweep);
    await sweep.sweep(Date.now());
    expect(await files.ids("default")).toEqual([kept, unfinished].toSorted());
    expect(await files.ids("key-1")).toEqual([]);
    expect(isFileId(expired) && isFileId(foreign)).toBe(true);
    await sweep.sweep(Date.now() + 3 * day * 1_000);
    expect(await files.ids("default")).toEqual([kept]);
  });

  it("are not swept while a batch publishes them, however old it is", async () => {
    const day4 = Date.now() - 4 * day * 1_000;
    const batchId: BatchId = `batch_${requestIdBound(day4).slice("req_".length)}0123456789ABCDEF`;
    const output = batchFileId(batchId, "output");
    expect(Math.abs(timeOfUlid(output) - day4)).toBeLessThan(2);
    const files = new StoredFiles(ingress.ports.files);
    await files.putContent(
      "default",
      output,
      (async function* () {
        yield Buffer.from("{}\n");
      })(),
    );
    const sweep = ingress.app.get(FileSweep);
    await sweep.sweep(Date.now());
    expect(await files.ids("default")).toEqual([output]);
    await sweep.sweep(Date.now() + 3 * day * 1_000);
    expect(await files.ids("default")).toEqual([]);
  });

  it("refuse what no list can be asked", async () => {
    for (const query of ["limit=0", "limit=10001", "order=up", "after=x", "more=1"])
      expect((await get(`/v1/files?${query}`)).status, query).toBe(400);
    for (const id of ["file-1", "..%2f..%2fetc", "%00"])
      expect((await get(`/v1/files/${id}`)).status).toBe(404);
  });
});

describe("timeOfUlid", () => {
  it("tells when an id was made", () => {
    for (const id of [newFileId(), newBatchId()])
      expect(Math.abs(timeOfUlid(id) - Date.now())).toBeLessThan(2_000);
  });
});
