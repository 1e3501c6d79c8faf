import type { BatchId } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { answered, joinUsage, noUsage, refused, unrun } from "./batch-result.js";
import { DoneLines } from "./done-lines.js";
import { encodeChunk, readChunkHeader } from "./result-chunk.js";

const batchId: BatchId = "batch_01M8A4ADCDEQC27QX5WW6W5A94";
const at = (line: number) => ({ batchId, line, customId: `id-${line}` });
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const error = { error: { message: "No.", type: "t", param: null, code: "c" } };

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

describe("a chunk of results", () => {
  const results = [
    answered(at(7), { object: "chat.completion" }, usage),
    refused(at(3), 400, error),
    answered(at(8), { text: "zwölf" }, { ...usage, prompt_tokens_details: { cached_tokens: 1 } }),
    unrun(at(9), "batch_expired"),
  ];
  const chunk = encodeChunk(results);

  it("tells in its header what it holds and where", async () => {
    for (const size of [1, 10, 10_000]) {
      const header = await readChunkHeader(cut(chunk, size));
      expect(header).toMatchObject({
        lines: [
          [3, 3],
          [7, 9],
        ],
        completed: 2,
        failed: 2,
        usage: {
          input_tokens: 6,
          output_tokens: 4,
          total_tokens: 10,
          input_tokens_details: { cached_tokens: 1 },
        },
      });
      const text = Buffer.from(chunk);
      const output = text.subarray(header.headerBytes, header.headerBytes + header.outputBytes).toString();
      const errors = text.subarray(header.headerBytes + header.outputBytes).toString();
      expect(
        output.split("\n").map((line) => line && (JSON.parse(line) as { custom_id: string }).custom_id),
      ).toEqual(["id-7", "id-8", ""]);
      expect(errors.match(/"custom_id":"id-[39]"/g)).toHaveLength(2);
      expect(header.errorBytes).toBe(Buffer.byteLength(errors));
    }
  });

  it("is refused where it is none", async () => {
    await expect(readChunkHeader(cut(Buffer.from("no header"), 100))).rejects.toThrow("no header");
    await expect(readChunkHeader(cut(Buffer.from('{"lines":[]}\n'), 100))).rejects.toThrow();
  });

  it("marks its lines as done", async () => {
    const done = new DoneLines();
    done.addChunk(await readChunkHeader(cut(chunk, 100)));
    done.addChunk({ lines: [[49_999, 50_000]] });
    expect([3, 7, 8, 9, 49_999, 50_000].every((line) => done.has(line))).toBe(true);
    expect([1, 4, 10, 49_998, 50_001, 1_000_000].some((line) => done.has(line))).toBe(false);
    expect(done.count).toBe(6);
  });
});

describe("lines of results", () => {
  it("have OpenAI's shape", () => {
    expect(JSON.parse(answered(at(1), { a: 1 }, undefined).text)).toEqual({
      id: "batch_req_01M8A4ADCDEQC27QX5WW6W0001",
      custom_id: "id-1",
      response: { status_code: 200, request_id: "req_01M8A4ADCDEQC27QX5WW6W0001", body: { a: 1 } },
      error: null,
    });
    expect(JSON.parse(refused(at(1), 502, error).text)).toMatchObject({
      response: { status_code: 502, body: error },
      error: null,
    });
    expect(JSON.parse(unrun(at(1), "batch_cancelled").text)).toMatchObject({
      response: null,
      error: { code: "batch_cancelled" },
    });
  });

  it("are counted whatever an engine says of its tokens", () => {
    expect(joinUsage(noUsage, noUsage)).toEqual(noUsage);
  });
});
