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
import { FileStoreUnavailable } from "@expert-router/file-store";
import type { AddressInfo } from "node:net";
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

describe("an upload with a key", () => {
  beforeEach(() => ingress.app.listen(0, "127.0.0.1"));
  const files = () => new StoredFiles(ingress.ports.files);
  async function upload(
    text: string,
    { key = "k", filename = "a.jsonl", ...fields }: Record<string, string> = {},
  ): Promise<{ status: number; replayed: boolean; body: FileObject & { error: { code: string } } }> {
    const form = new FormData();
    form.set("file", new Blob([text]), filename);
    for (const [name, value] of Object.entries({ purpose: "batch", ...fields })) form.set(name, value);
    const { port } = ingress.app.getHttpServer().address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/v1/files`, {
      method: "POST",
      headers: { "idempotency-key": key },
      body: form,
    });
    return {
      status: answer.status,
      replayed: answer.headers.get("idempotent-replayed") === "true",
      body: (await answer.json()) as never,
    };
  }
  const text = "{}\n".repeat(10_000);

  it("is one file, however often it comes, at once and afterwards", async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => upload(text)));
    answers.push(await upload(text));
    const { id } = answers[0]!.body;
    for (const { status, body } of answers) expect([status, body.id]).toEqual([200, id]);
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(5);
    expect(await files().ids("default")).toEqual([id]);
    expect((await ingress.get(`/v1/files/${id}/content`)).body).toBe(text);
  });

  it("is refused with another form, and leaves nothing of that", async () => {
    const { id } = (await upload(text)).body;
    const week = { "expires_after[anchor]": "created_at", "expires_after[seconds]": "604800" };
    for (const other of [upload(`${text}{}`), upload(text, { filename: "b.jsonl" }), upload(text, week)])
      expect(await other).toMatchObject({ status: 422, body: { error: { code: "idempotency_key_reused" } } });
    expect(await files().ids("default")).toEqual([id]);
    expect((await upload(text, { key: "é" })).status).toBe(400);
    expect((await upload(text, { key: "other" })).body.id).not.toBe(id);
  });

  it("frees its key when it is refused, and makes a new file when that of the key is gone", async () => {
    expect((await upload(text, { purpose: "none" })).status).toBe(400);
    const { id } = (await upload(text)).body;
    await ingress.app.inject({ method: "DELETE", url: `/v1/files/${id}` });
    const again = await upload(text);
    expect([again.status, again.replayed, again.body.id === id]).toEqual([200, false, false]);
    expect(await files().ids("default")).toEqual([again.body.id]);
  });

  it("is carried on under its id when the store failed or the process died before it was published", async () => {
    const { files: store } = ingress.ports;
    const working = store.put.bind(store);
    store.put = async (name, body) => {
      if (name.endsWith("/file.json")) throw new FileStoreUnavailable("away");
      return working(name, body);
    };
    expect((await upload(text)).status).toBe(503);
    store.put = working;
    const [left] = await files().ids("default");
    // What the sender left may be gone.
    await files().remove("default", left!);
    ingress.ports.endLeases();
    expect(await upload(text)).toMatchObject({ status: 200, body: { id: left } });
    expect(await files().ids("default")).toEqual([left]);
    expect((await ingress.get(`/v1/files/${left}/content`)).body).toBe(text);
  });
});

describe("timeOfUlid", () => {
  it("tells when an id was made", () => {
    for (const id of [newFileId(), newBatchId()])
      expect(Math.abs(timeOfUlid(id) - Date.now())).toBeLessThan(2_000);
  });
});
