import { existsSync, readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { waitFor } from "@expert-router/testing";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

const limit = 200 * 1_048_576;
let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});
afterAll(() => system?.stop());

const boundary = "boundary-of-the-form";
const fileHead = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n`;
const purpose = `\r\n--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch`;
const end = `\r\n--${boundary}--\r\n`;
const piece = Buffer.alloc(1_048_576, "{}\n");

/** A form with a file of `bytes`, piece by piece. */
async function* form(bytes: number): AsyncGenerator<Buffer> {
  yield Buffer.from(fileHead);
  for (let left = bytes; left > 0; left -= piece.length)
    yield piece.subarray(0, Math.min(left, piece.length));
  yield Buffer.from(purpose + end);
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly id: string;
    readonly bytes: number;
    readonly error?: { readonly code: string; readonly param: string | null };
  };
}

async function post(
  body: AsyncIterable<Buffer> | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${system.url}/v1/files`, {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}`, ...headers },
    body: body as unknown as string,
    duplex: "half",
  } as RequestInit);
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

function refused({ status, body }: Answer): unknown[] {
  return [status, body.error?.code, body.error?.param];
}

function residentMb(): number {
  const status = readFileSync(`/proc/${system.ingresses[0]!.process.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1_024;
}

function storedFiles(): string[] {
  const folder = join(system.dataFolder, "files", "objects", "files", "default");
  return existsSync(folder) ? readdirSync(folder) : [];
}

describe("an upload", () => {
  it("of 200 MB is taken in a bounded memory, of one byte more it is refused", async () => {
    const before = residentMb();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, residentMb())), 20);
    try {
      const taken = await post(form(limit));
      expect([taken.status, taken.body.bytes]).toEqual([200, limit]);
      expect(refused(await post(form(limit + 1)))).toEqual([413, "file_too_large", "file"]);
      expect((await fetch(`${system.url}/v1/files/${taken.body.id}`, { method: "DELETE" })).status).toBe(200);
    } finally {
      clearInterval(watch);
    }
    expect(most - before).toBeLessThan(64);
    expect(storedFiles()).toEqual([]);
  });

  it("that says itself that it is too large is refused whatever it holds", async () => {
    const bytes = limit + 100_000;
    const length = Buffer.byteLength(fileHead + purpose + end) + bytes;
    const status = await new Promise<number>((resolve, reject) => {
      const call = request(`${system.url}/v1/files`, {
        method: "POST",
        headers: {
          "content-type": `multipart/form-data; boundary=${boundary}`,
          "content-length": String(length),
        },
      });
      call.on("response", (response) => resolve(response.statusCode ?? 0)).on("error", reject);
      void pipeline(form(bytes), call).catch(reject);
    });
    expect(status).toBe(413);
  });

  it("is refused for what is wrong with its form, and leaves nothing", async () => {
    const field = (name: string, value: string) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const file = (name = "file") => `${fileHead.replace('name="file"', `name="${name}"`)}{}\r\n`;
    const whole = (...parts: string[]) => `${parts.join("")}--${boundary}--\r\n`;
    const cases: [string, unknown[]][] = [
      [whole(file()), [400, "missing_required_parameter", "purpose"]],
      [whole(field("purpose", "batch")), [400, "missing_required_parameter", "file"]],
      [whole(field("purpose", "fine-tune"), file()), [400, "invalid_value", "purpose"]],
      [whole(field("purpose", "batch"), file("data")), [400, "invalid_request", null]],
      // The body is whole, and ends inside a file.
      [field("purpose", "batch") + file(), [400, "invalid_request", null]],
      [field("purpose", "batch") + file("data"), [400, "invalid_request", null]],
      [whole(field("purpose", "batch"), file(), file()), [400, "invalid_request", null]],
      [
        whole(field("purpose", "batch"), field("expires_after[seconds]", "60"), file()),
        [400, "missing_required_parameter", "expires_after.anchor"],
      ],
      [
        whole(
          field("purpose", "batch"),
          field("expires_after[anchor]", "created_at"),
          field("expires_after[seconds]", "60"),
          file(),
        ),
        [400, "invalid_value", "expires_after.seconds"],
      ],
      ["no form at all", [400, "invalid_request", null]],
      ["", [400, "invalid_request", null]],
    ];
    for (const [body, expected] of cases) expect(refused(await post(body)), body).toEqual(expected);
    expect(refused(await post("{}", { "content-type": "application/json" }))).toEqual([
      415,
      "unsupported_media_type",
      null,
    ]);
    expect(refused(await post("x", { "content-type": "multipart/form-data" }))).toEqual([
      400,
      "invalid_request",
      null,
    ]);
    const chat = await fetch(`${system.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
      body: whole(file()),
    });
    expect(chat.status).toBe(415);
    expect(storedFiles()).toEqual([]);
  });

  it("with a key is one file, also by way of the official client", async () => {
    const openai = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: "none", maxRetries: 0 });
    const send = async (content: string) =>
      openai.files
        .create(
          { file: await toFile(Buffer.from(content), "a.jsonl"), purpose: "batch" },
          { headers: { "Idempotency-Key": "upload-1" } },
        )
        .withResponse();
    const sent = await Promise.all([send("{}\n"), send("{}\n"), send("{}\n")]);
    const [{ id }] = sent.map(({ data }) => data) as [OpenAI.FileObject];
    expect(sent.map(({ data }) => data.id)).toEqual([id, id, id]);
    const replayed = sent.filter(({ response }) => response.headers.get("idempotent-replayed") === "true");
    expect(replayed).toHaveLength(2);
    await expect(send("[]\n")).rejects.toMatchObject({ status: 422, code: "idempotency_key_reused" });
    expect(storedFiles()).toEqual([id]);
    await openai.files.delete(id);
  });

  it("that is cut off leaves nothing", async () => {
    const call = request(`${system.url}/v1/files`, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    });
    call.on("error", () => undefined);
    call.write(fileHead);
    call.write(piece);
    const temporary = join(system.dataFolder, "files", "temporary");
    await waitFor("it is being written", async () => readdirSync(temporary).length === 1);
    call.destroy();
    await waitFor("nothing is left", async () => readdirSync(temporary).length === 0);
    expect(storedFiles()).toEqual([]);
  });
});
