import type { RequestId } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { ChunkEncoder } from "./chunk-encoder.js";

const chat = {
  id: "req_1" as RequestId,
  endpoint: "/v1/chat/completions",
  model: "code",
  created: 7,
} as const;
const text = { ...chat, endpoint: "/v1/completions" } as const;
const plain = { includeUsage: false };
const head = '{"id":"req_1","object":"chat.completion.chunk","created":7,"model":"code","choices":';

describe("ChunkEncoder", () => {
  it("writes chat chunks to the byte", () => {
    const encoder = new ChunkEncoder(chat, plain);
    expect(encoder.role).toBe(
      `${head}[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
    );
    expect(encoder.delta('a"\n\u2028é')).toBe(
      `${head}[{"index":0,"delta":{"content":"a\\"\\n\u2028é"},"finish_reason":null}]}`,
    );
    expect(encoder.delta({ choices: [{ index: 1, delta: {}, finish_reason: "stop" }] })).toBe(
      `${head}[{"index":1,"delta":{},"finish_reason":"stop"}]}`,
    );
    expect(encoder.stop()).toBe(`${head}[{"index":0,"delta":{},"finish_reason":"stop"}]}`);
  });

  it("writes text chunks to the byte", () => {
    const encoder = new ChunkEncoder(text, plain);
    const start = '{"id":"req_1","object":"text_completion","created":7,"model":"code","choices":';
    expect(encoder.role).toBeUndefined();
    expect(encoder.delta("hi")).toBe(
      `${start}[{"index":0,"text":"hi","logprobs":null,"finish_reason":null}]}`,
    );
    expect(encoder.stop()).toBe(`${start}[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}]}`);
  });

  it("writes usage: null on every chunk and the counts last, where they are asked for", () => {
    const encoder = new ChunkEncoder(chat, { includeUsage: true });
    const chunks = [encoder.role!, encoder.delta("x")!, encoder.delta({ choices: [] })!, encoder.stop()];
    for (const chunk of chunks) expect(JSON.parse(chunk)).toHaveProperty("usage", null);
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    expect(encoder.usage(usage)).toBe(`${head}[],"usage":${JSON.stringify(usage)}}`);
  });

  it("says the role once, however often engines say it", () => {
    const encoder = new ChunkEncoder(chat, plain);
    const role = (more: object, finish: string | null = null) => ({
      choices: [{ index: 0, delta: { role: "assistant", ...more }, finish_reason: finish }],
    });
    expect(encoder.delta(role({ content: "" }))).toBeUndefined();
    expect(encoder.delta(role({ content: null }))).toBeUndefined();
    expect(encoder.delta(role({ content: "text" }))).toBeDefined();
    expect(encoder.delta(role({}, "stop"))).toBeDefined();
    expect(encoder.delta({ choices: [{ index: 1, delta: { role: "assistant" } }] })).toBeDefined();
  });
});
