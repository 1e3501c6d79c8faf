import { describe, expect, it } from "vitest";
import { engineFamilies } from "./families/index.js";
import { openAiBody } from "./openai-body.js";

const messages = [{ role: "user", content: "Hi" }];
const chat = "/v1/chat/completions";
const behind = { text: "Hello, w", tokens: 3 };

describe("openAiBody", () => {
  it("sets model, stream and usage, and passes the rest through", () => {
    const body = {
      model: "auto",
      messages,
      stream: false,
      top_k: 5,
      stream_options: { include_usage: false, chunk_size: 1 },
    };
    expect(openAiBody({ endpoint: chat, body }, engineFamilies.vllm, "qwen")).toEqual({
      model: "qwen",
      messages,
      stream: true,
      top_k: 5,
      stream_options: { include_usage: true, chunk_size: 1 },
    });
  });

  it("goes on behind a partial answer, with the tokens that are left", () => {
    const body = { model: "auto", messages, max_tokens: 10, min_tokens: 2 };
    expect(
      openAiBody({ endpoint: chat, body, continueBehind: behind }, engineFamilies.vllm, "qwen"),
    ).toMatchObject({
      messages: [...messages, { role: "assistant", content: "Hello, w" }],
      continue_final_message: true,
      add_generation_prompt: false,
      max_tokens: 7,
      min_tokens: 0,
    });
    const plain = {
      endpoint: "/v1/completions",
      body: { prompt: ["Once "], max_tokens: 4 },
      continueBehind: behind,
    } as const;
    expect(openAiBody(plain, engineFamilies.llamacpp, "qwen")).toMatchObject({
      prompt: "Once Hello, w",
      max_tokens: 1,
    });
  });

  it("makes a message longer that the client had begun itself", () => {
    const begun = [...messages, { role: "assistant", content: "Well: " }];
    const body = { messages: begun, continue_final_message: true, add_generation_prompt: false };
    expect(
      openAiBody({ endpoint: chat, body, continueBehind: behind }, engineFamilies.vllm, "qwen"),
    ).toMatchObject({
      messages: [...messages, { role: "assistant", content: "Well: Hello, w" }],
    });
  });

  it("counts the server's own limit of a text completion, and no limit where there is none", () => {
    const bodyFor = (kind: "vllm" | "sim" | "llamacpp", more: object): unknown =>
      openAiBody(
        { endpoint: "/v1/completions", body: { prompt: "Once ", ...more }, continueBehind: behind },
        engineFamilies[kind],
        "qwen",
      );
    expect(bodyFor("vllm", {})).toMatchObject({ max_tokens: 13 });
    expect(bodyFor("vllm", { max_tokens: 5 })).toMatchObject({ max_tokens: 2 });
    expect(bodyFor("sim", {})).not.toHaveProperty("max_tokens");
    expect(bodyFor("llamacpp", { max_tokens: -1, n_predict: 9 })).toMatchObject({
      max_tokens: -1,
      n_predict: 6,
    });
  });

  it("has nothing to ask for when the limit is used up", () => {
    const body = { messages, max_completion_tokens: 3 };
    expect(openAiBody({ endpoint: chat, body, continueBehind: behind }, engineFamilies.vllm, "qwen")).toBe(
      "complete",
    );
  });

  it("refuses to continue where the family cannot", () => {
    const call = { endpoint: chat, body: { messages }, continueBehind: behind } as const;
    for (const family of Object.values(engineFamilies)) {
      if (family.kind === "triton") continue;
      const attempt = (): unknown => openAiBody(call, family, "m");
      if (family.capabilities.continuesChat) expect(attempt, family.kind).not.toThrow();
      else expect(attempt, family.kind).toThrow(expect.objectContaining({ code: "engine_error" }));
    }
    const ids = { endpoint: "/v1/completions", body: { prompt: [1, 2] }, continueBehind: behind } as const;
    expect(() => openAiBody(ids, engineFamilies.vllm, "m")).toThrow(
      expect.objectContaining({ code: "engine_error" }),
    );
  });
});
