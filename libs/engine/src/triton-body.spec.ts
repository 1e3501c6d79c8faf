import { describe, expect, it } from "vitest";
import { tritonBody } from "./triton-body.js";

const messages = [
  { role: "system", content: "Be brief." },
  {
    role: "user",
    content: [
      { type: "text", text: "Hi" },
      { type: "image_url", image_url: { url: "data:" } },
    ],
  },
];

describe("tritonBody", () => {
  it("renders a chat and names the sampling fields for both backends", () => {
    const body = {
      model: "auto",
      messages,
      max_completion_tokens: 9,
      temperature: 0.5,
      stop: "END",
      stream_options: {},
    };
    expect(tritonBody({ endpoint: "/v1/chat/completions", body })).toEqual({
      text_input:
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
      stream: true,
      max_tokens: 9,
      temperature: 0.5,
      stop_words: ["END", "<|im_end|>"],
      parameters: { stream: true, max_tokens: 9, temperature: 0.5, stop: ["END", "<|im_end|>"] },
    });
  });

  it("goes on behind a text, with the tokens that are left", () => {
    const body = { prompt: "Once ", max_tokens: 9 };
    const call = { endpoint: "/v1/completions", body, continueBehind: { text: "upon ", tokens: 2 } } as const;
    expect(tritonBody(call)).toMatchObject({ text_input: "Once upon ", max_tokens: 7 });
    expect(tritonBody({ ...call, continueBehind: { text: "upon ", tokens: 9 } })).toBe("complete");
    const chat = {
      endpoint: "/v1/chat/completions",
      body: { messages, max_completion_tokens: 9 },
      continueBehind: { text: "So", tokens: 1 },
    } as const;
    expect(tritonBody(chat)).toMatchObject({
      max_tokens: 8,
      text_input: expect.stringMatching(/assistant\nSo$/),
    });
  });

  it("refuses what one stream of text cannot give", () => {
    expect(() => tritonBody({ endpoint: "/v1/completions", body: { prompt: "a", n: 2 } })).toThrow(
      expect.objectContaining({ code: "engine_rejected", param: "n" }),
    );
    expect(() => tritonBody({ endpoint: "/v1/completions", body: { prompt: [1, 2] } })).toThrow(
      expect.objectContaining({ code: "engine_rejected", param: "prompt" }),
    );
  });
});
