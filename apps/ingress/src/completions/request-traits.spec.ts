import { describe, expect, it } from "vitest";
import { classifierInput, expectedTokens, isContinuable } from "./request-traits.js";

const chat = "/v1/chat/completions";

describe("isContinuable", () => {
  it.each([
    [{}, true],
    [{ n: 1, tools: [], logprobs: false, response_format: { type: "text" }, stop: "x", echo: null }, true],
    [{ n: 2 }, false],
    [{ best_of: 2 }, false],
    [{ tools: [{}] }, false],
    [{ functions: [{}] }, false],
    [{ response_format: { type: "json_object" } }, false],
    [{ guided_regex: "a+" }, false],
    [{ grammar: "root ::= x" }, false],
    [{ logprobs: true }, false],
    [{ logprobs: 0 }, false],
    [{ echo: true }, false],
  ])("%j → %s", (body, expected) => {
    expect(isContinuable(chat, body)).toBe(expected);
  });

  it("needs one prompt of text", () => {
    expect(isContinuable("/v1/completions", { prompt: "x" })).toBe(true);
    expect(isContinuable("/v1/completions", { prompt: ["x", "y"] })).toBe(false);
    expect(isContinuable("/v1/completions", { prompt: [1, 2] })).toBe(false);
  });
});

describe("classifierInput", () => {
  it("is the conversation, the text, or nothing", () => {
    const messages = [{ role: "user", content: "x" }];
    expect(classifierInput(chat, { messages })).toBe(messages);
    expect(classifierInput("/v1/completions", { prompt: "x" })).toBe("x");
    expect(classifierInput("/v1/completions", { prompt: ["x", "y"] })).toBe("x\ny");
    expect(classifierInput("/v1/completions", { prompt: [[1], [2]] })).toBe("");
  });
});

describe("expectedTokens", () => {
  it.each([
    [{ max_tokens: 40 }, undefined, 140],
    [{}, undefined, 356],
    [{}, 30.2, 131],
    [{ max_tokens: 20 }, 30, 120],
    [{ max_completion_tokens: 50, max_tokens: 1 }, 30, 150],
    [{ max_tokens: 100_000 }, 30, 160],
  ])("%j, with answers of %d tokens → %d", (body, meanAnswerTokens, tokens) => {
    expect(expectedTokens(body, { bodyBytes: 400, meanAnswerTokens })).toBe(tokens);
  });
});
