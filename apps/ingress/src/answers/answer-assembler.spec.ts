import type { Delta, RequestId } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { AnswerAssembler } from "./answer-assembler.js";

const chat = {
  id: "req_1" as RequestId,
  endpoint: "/v1/chat/completions",
  model: "code",
  created: 7,
} as const;
const text = { ...chat, endpoint: "/v1/completions" } as const;

function assemble(deltas: readonly Delta[], identity: typeof chat | typeof text = chat) {
  const assembler = new AnswerAssembler();
  for (const delta of deltas) assembler.add(delta);
  return assembler.answer(identity, undefined) as { choices: Record<string, unknown>[] };
}

const part = (delta: unknown, more: object = {}): Delta => ({
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

describe("AnswerAssembler", () => {
  it("makes a chat completion", () => {
    const assembler = new AnswerAssembler();
    for (const delta of [
      part({ role: "assistant", content: "" }),
      "Hel",
      "lo",
      part({}, { finish_reason: "length" }),
    ])
      assembler.add(delta);
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    expect(assembler.answer(chat, usage)).toEqual({
      id: "req_1",
      object: "chat.completion",
      created: 7,
      model: "code",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello" },
          logprobs: null,
          finish_reason: "length",
        },
      ],
      usage,
    });
  });

  it("makes a text completion with several choices in order", () => {
    const deltas: Delta[] = [
      { choices: [{ index: 1, text: "b" }] },
      "a",
      { choices: [{ index: 1, text: "B", finish_reason: "stop" }] },
    ];
    expect(assemble(deltas, text)).toMatchObject({
      object: "text_completion",
      choices: [
        { index: 0, text: "a" },
        { index: 1, text: "bB", finish_reason: "stop" },
      ],
    });
  });

  it("merges tool calls by their index", () => {
    const calls = (...list: object[]): Delta => part({ tool_calls: list });
    const { choices } = assemble([
      calls({ index: 0, id: "a", type: "function", function: { name: "find", arguments: "" } }),
      calls(
        { index: 0, function: { arguments: '{"q":' } },
        { index: 1, id: "b", type: "function", function: { name: "add", arguments: "[" } },
      ),
      calls({ index: 0, function: { arguments: "1}" } }, { index: 1, function: { arguments: "]" } }),
      part({}, { finish_reason: "tool_calls" }),
    ]);
    expect(choices[0]).toEqual({
      index: 0,
      message: {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "a", type: "function", function: { name: "find", arguments: '{"q":1}' } },
          { id: "b", type: "function", function: { name: "add", arguments: "[]" } },
        ],
      },
      logprobs: null,
      finish_reason: "tool_calls",
    });
  });

  it("joins reasoning and log-probabilities", () => {
    const { choices } = assemble([
      part({ reasoning_content: "be" }),
      part({ reasoning_content: "cause", content: "x" }, { logprobs: { content: [1], refusal: null } }),
      part({ content: "y" }, { logprobs: { content: [2], refusal: null } }),
    ]);
    expect(choices[0]).toMatchObject({
      message: { content: "xy", reasoning_content: "because" },
      logprobs: { content: [1, 2], refusal: null },
    });
  });

  it("forgets what a restart makes void", () => {
    const assembler = new AnswerAssembler();
    assembler.add("old");
    assembler.restart();
    assembler.add("new");
    expect(assembler.answer(text, undefined)).toMatchObject({ choices: [{ text: "new" }] });
  });

  it("does not follow a wild index of an engine", () => {
    expect(assemble([{ choices: [{ index: 1e9, delta: { content: "x" } }, null, 3] }]).choices).toHaveLength(
      1,
    );
  });
});
