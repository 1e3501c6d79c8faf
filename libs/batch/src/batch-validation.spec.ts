import { maxBatchLines } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import {
  maxBatchErrors,
  validateBatchFile,
  type BatchValidation,
  type ValidatedFile,
} from "./batch-validation.js";

const endpoint = "/v1/chat/completions";

function line(customId: string, changes: Record<string, unknown> = {}): string {
  const body = { model: "auto", messages: [{ role: "user", content: "Hi" }] };
  return JSON.stringify({ custom_id: customId, method: "POST", url: endpoint, body, ...changes });
}

async function* stream(text: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 60_000) yield bytes.subarray(at, at + 60_000);
}

function validated(text: string | Buffer, options: Partial<BatchValidation> = {}): Promise<ValidatedFile> {
  const signal = new AbortController().signal;
  return validateBatchFile(stream(text), { endpoint, check: () => undefined, signal, ...options });
}

async function codes(text: string | Buffer): Promise<unknown[]> {
  return (await validated(text)).errors.map(({ code, line: at, param }) => [code, at, param]);
}

describe("validateBatchFile", () => {
  it("takes 50,000 lines, and tells the line after", async () => {
    const lines = Array.from({ length: maxBatchLines }, (_, i) => line(`id-${i}`)).join("\n");
    expect(await validated(lines)).toEqual({ total: maxBatchLines, model: "auto", errors: [] });
    expect(await codes(`${lines}\n${line("more")}`)).toEqual([
      ["too_many_requests", 50_001, "input_file_id"],
    ]);
  });

  it("takes no line whose number would not fit into the id of its request", async () => {
    expect(await codes(`${"\n".repeat(999_999)}${line("last")}`)).toEqual([]);
    expect(await codes(`${"\n".repeat(1_000_000)}${line("beyond")}`)).toEqual([
      ["too_many_requests", 1_000_001, "input_file_id"],
    ]);
  });

  it("finds the one bad line, by its number", async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => line(`id-${i}`));
    lines[31_336] = '{"custom_id": "cut';
    expect(await codes(lines.join("\r\n"))).toEqual([["invalid_json_line", 31_337, null]]);
  });

  it("says what is wrong with a line", async () => {
    const bad = [
      "[]",
      "null",
      line("a", { custom_id: undefined }),
      line("a", { method: undefined }),
      line("a", { url: null }),
      line("a", { body: undefined }),
      line(""),
      line("x".repeat(513)),
      line("b", { method: "GET" }),
      line("c", { url: 7 }),
      line("d", { url: "/v1/completions" }),
      line("e", { body: [] }),
      line("f", { body: {} }),
      line("g", { body: { model: 4 } }),
      line("h", { body: { model: "auto", stream: true } }),
      line("same"),
      line("same"),
    ];
    expect(await codes(bad.join("\n"))).toEqual([
      ["invalid_json_line", 1, null],
      ["invalid_json_line", 2, null],
      ["missing_required_parameter", 3, "custom_id"],
      ["missing_required_parameter", 4, "method"],
      ["missing_required_parameter", 5, "url"],
      ["missing_required_parameter", 6, "body"],
      ["invalid_value", 7, "custom_id"],
      ["invalid_value", 8, "custom_id"],
      ["invalid_method", 9, "method"],
      ["invalid_url", 10, "url"],
      ["mismatched_endpoint", 11, "url"],
      ["invalid_value", 12, "body"],
      ["missing_required_parameter", 13, "body.model"],
      ["invalid_value", 14, "body.model"],
      ["invalid_value", 15, "body.stream"],
      ["duplicate_custom_id", 17, "custom_id"],
    ]);
  });

  it("takes a byte order mark and CRLF, and nothing that is binary or empty", async () => {
    expect(await codes(`\uFEFF${line("a")}\r\n${line("b")}\r\n`)).toEqual([]);
    expect(await codes(Buffer.from([0x1f, 0x8b, 0x08, 0x00, 0xff, 0xfe]))).toEqual([
      ["invalid_utf8", 1, null],
    ]);
    expect(await codes("")).toEqual([["empty_file", null, "input_file_id"]]);
    expect(await codes("\n \r\n")).toEqual([["empty_file", null, "input_file_id"]]);
  });

  it("tells a line of 5 MB", async () => {
    expect(await codes(`${line("a")}\n${line("b", { body: "x".repeat(5_000_000) })}`)).toEqual([
      ["line_too_large", 2, null],
    ]);
  });

  it("tells long ids apart, and finds a long one twice", async () => {
    const long = "x".repeat(500);
    expect(await codes([line(`${long}a`), line(`${long}b`), line(`${long}a`)].join("\n"))).toEqual([
      ["duplicate_custom_id", 3, "custom_id"],
    ]);
  });

  it("adds what its caller finds, and stops listing at a bound", async () => {
    const found = await validated(Array.from({ length: 500 }, (_, i) => line(`id-${i}`)).join("\n"), {
      check: () => ({ code: "model_not_found", message: "No.", param: "body.model" }),
    });
    expect(found.errors).toHaveLength(maxBatchErrors);
    expect(found.errors[99]).toEqual({
      code: "model_not_found",
      line: 100,
      message: "No.",
      param: "body.model",
    });
  });

  it("names the model where there is one only", async () => {
    const code = line("a", { body: { model: "code", messages: [] } });
    expect((await validated(code)).model).toBe("code");
    expect((await validated(`${code}\n${line("b")}`)).model).toBeUndefined();
  });
});
