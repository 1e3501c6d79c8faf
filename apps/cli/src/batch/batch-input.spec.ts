import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { formatOf, prepareInput, type RequestOptions } from "./batch-input.js";

const folder = mkdtempSync(join(tmpdir(), "expert-router-batch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const endpoint = "/v1/chat/completions";

async function prepared(name: string, content: string | Buffer, options: Partial<RequestOptions> = {}) {
  const [from, to] = [join(folder, name), join(folder, "prepared.jsonl")];
  writeFileSync(from, content);
  const input = await prepareInput(from, formatOf(from), to, { endpoint, ...options });
  const text = readFileSync(to, "utf8").trimEnd();
  return { input, requests: text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as unknown) };
}

const chat = (customId: string, content: string, more: object = {}) => ({
  custom_id: customId,
  method: "POST",
  url: endpoint,
  body: { model: "auto", messages: [{ role: "user", content }], ...more },
});

describe("prepareInput", () => {
  it("takes prompts a line, with and without ids", async () => {
    const { input, requests } = await prepared(
      "prompts.jsonl",
      '{"prompt": "Hello"}\n\n{"text": "Bye", "id": "b"}\r\n{"prompt": "Hi", "custom_id": "c"}',
      { maxTokens: 7 },
    );
    expect(requests).toEqual([
      chat("line-1", "Hello", { max_tokens: 7 }),
      chat("b", "Bye", { max_tokens: 7 }),
      chat("c", "Hi", { max_tokens: 7 }),
    ]);
    expect(input).toMatchObject({ lines: 3, customIds: ["line-1", "b", "c"] });
  });

  it("leaves lines of a batch as they are, but for the model that is asked for", async () => {
    const line = { ...chat("a", "Hello"), method: "POST", extra: 1 };
    expect((await prepared("batch.jsonl", JSON.stringify(line))).requests).toEqual([line]);
    expect((await prepared("batch.jsonl", JSON.stringify(line), { model: "code" })).requests).toEqual([
      { ...line, body: { ...line.body, model: "code" } },
    ]);
  });

  it("takes tables, quotes and line ends in them included", async () => {
    const table = '\uFEFFid,prompt,note\n1,"Say ""hi"",\nplease",x\n2,Bye,y\n';
    expect((await prepared("prompts.csv", table)).requests).toEqual([
      chat("1", 'Say "hi",\nplease'),
      chat("2", "Bye"),
    ]);
    await expect(prepared("prompts.csv", "question\nHello\n")).rejects.toThrow(
      /prompts.csv:2: there is no column 'prompt' or 'text'/,
    );
    await expect(prepared("prompts.csv", 'prompt\n"Hello\n')).rejects.toThrow(/prompts.csv: .*[Qq]uote/);
  });

  it("refuses tables that hold no prompts, other text than UTF-8, or a quote without an end", async () => {
    await expect(prepared("head.csv", "id,prompt\n")).rejects.toThrow(/head.csv: holds no prompts/);
    const latin = Buffer.from("prompt\ncaf\u00e9\n", "latin1");
    await expect(prepared("latin.csv", latin)).rejects.toThrow(/latin.csv: is not UTF-8 text/);
    await expect(prepared("latin.csv.gz", gzipSync(latin))).rejects.toThrow(/is not UTF-8 text/);
    const open = `prompt\nHi\n"${"x\n".repeat(4 * 1_048_576)}`;
    await expect(prepared("open.csv", open)).rejects.toThrow(/open.csv: .*Max Record Size/);
    await expect(prepared("cut.csv.gz", gzipSync("prompt\nHi\n").subarray(0, 20))).rejects.toThrow(
      /cut.csv.gz/,
    );
    expect((await prepared("wide.csv", "prompt\n\u{1F600}é\n")).requests).toEqual([
      chat("line-1", "\u{1F600}é"),
    ]);
  });

  it("takes numbers as ids, and a line of a batch without a body that could take the model", async () => {
    const { input } = await prepared(
      "ids.jsonl",
      '{"prompt":"a","id":7}\n{"prompt":"b","custom_id":0}\n{"prompt":"c","id":null}',
    );
    expect(input.customIds).toEqual(["7", "0", "line-3"]);
    await expect(prepared("ids.jsonl", '{"prompt":"a","id":["x"]}')).rejects.toThrow(
      /ids.jsonl:1: expected a string/,
    );
    const line = { custom_id: "a", method: "POST", url: endpoint, body: "Hello" };
    expect((await prepared("text.jsonl", JSON.stringify(line), { model: "code" })).requests).toEqual([line]);
  });

  it("takes a prompt a line, packed or not, and a system message", async () => {
    const { requests } = await prepared("prompts.txt.gz", gzipSync("Hello\nBye\n"), {
      endpoint: "/v1/completions",
      model: "code",
      system: "Be brief.",
    });
    expect(requests).toEqual([
      {
        custom_id: "line-1",
        method: "POST",
        url: "/v1/completions",
        body: { model: "code", prompt: "Be brief.\n\nHello" },
      },
      {
        custom_id: "line-2",
        method: "POST",
        url: "/v1/completions",
        body: { model: "code", prompt: "Be brief.\n\nBye" },
      },
    ]);
  });

  it("names file and line of what it cannot use", async () => {
    await expect(prepared("bad.jsonl", '{"prompt": "a"}\n{')).rejects.toThrow(/bad.jsonl:2: not JSON/);
    await expect(prepared("bad.jsonl", '{"question": "a"}')).rejects.toThrow(
      /bad.jsonl:1: expected a line of a batch/,
    );
    await expect(prepared("bad.txt", "")).rejects.toThrow(/bad.txt: holds no prompts/);
    await expect(prepared("many.txt", "a\n".repeat(50_001))).rejects.toThrow(
      /many.txt:50001: more than 50000/,
    );
  });

  it("takes lines as long as the ingress does", async () => {
    const { input } = await prepared("long.txt", `${"x".repeat(4 * 1_048_576)}\nBye\n`);
    expect(input.lines).toBe(2);
    await expect(prepared("long.txt", `Hello\n${"x".repeat(4 * 1_048_576 + 1)}`)).rejects.toThrow(
      /long.txt:2: longer than 4 MiB/,
    );
  });

  it("is the same every time, so that a run is known again", async () => {
    const first = await prepared("same.txt", "Hello\nBye\n");
    const second = await prepared("same.txt", "Hello\nBye\n");
    const other = await prepared("same.txt", "Hello\nbye\n");
    expect(second.input.sha256).toBe(first.input.sha256);
    expect(other.input.sha256).not.toBe(first.input.sha256);
  });
});
