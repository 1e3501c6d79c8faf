/**
 * Streams as each family writes them. The llama-cpp-python ones were recorded from release 0.3.36; the others are
 * written after their documentation and sources.
 */
import { describe, expect, it } from "vitest";
import { engineFamilies } from "./families/index.js";
import type { EngineEvent } from "./inference-engine.js";
import { OpenAiDecoder } from "./openai-decoder.js";
import type { EngineKind } from "@expert-router/contracts";

const streams: { kind: EngineKind; what: string; lines: string[]; text: string; usage: boolean }[] = [
  {
    kind: "llamacpp",
    what: "llama-cpp-python: spaces, null logprobs, a role without text, CRLF, pings",
    lines: [
      '{"id": "chatcmpl-3a", "model": "x", "created": 1795334653, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}, "logprobs": null, "finish_reason": null}]}',
      '{"id": "chatcmpl-3a", "model": "x", "created": 1795334653, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "How"}, "logprobs": null, "finish_reason": null}]}',
      '{"id": "chatcmpl-3a", "model": "x", "created": 1795334653, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "dy"}, "logprobs": null, "finish_reason": null}]}',
      ": ping - 2026-11-22 08:22:46.123456+00:00",
      '{"id": "chatcmpl-3a", "model": "x", "created": 1795334653, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "!"}, "logprobs": null, "finish_reason": null}]}',
      '{"id": "chatcmpl-3a", "model": "x", "created": 1795334653, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "length"}]}',
      "[DONE]",
    ],
    text: "Howdy!",
    usage: false,
  },
  {
    kind: "llamacpp",
    what: "llama.cpp: null content beside the role, timings with the usage",
    lines: [
      '{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"chatcmpl-a","model":"m","system_fingerprint":"b6000","object":"chat.completion.chunk"}',
      '{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"created":1,"id":"chatcmpl-a","model":"m","system_fingerprint":"b6000","object":"chat.completion.chunk"}',
      '{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"id":"chatcmpl-a","model":"m","system_fingerprint":"b6000","object":"chat.completion.chunk"}',
      '{"choices":[],"created":1,"id":"chatcmpl-a","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":9,"total_tokens":10},"timings":{"prompt_n":9}}',
      "[DONE]",
    ],
    text: "Hi",
    usage: true,
  },
  {
    kind: "ollama",
    what: "Ollama: a role on every chunk, and the seconds go on",
    lines: [
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Good"},"finish_reason":null}]}',
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":2,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":" day"},"finish_reason":null}]}',
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":2,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}',
      '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":2,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}',
      "[DONE]",
    ],
    text: "Good day",
    usage: true,
  },
  {
    kind: "tgi",
    what: "TGI: a role on every chunk, usage null until the end, no [DONE] in older releases",
    lines: [
      '{"object":"chat.completion.chunk","id":"","created":1,"model":"m","system_fingerprint":"3.0.0-native","choices":[{"index":0,"delta":{"role":"assistant","content":"Deep"},"logprobs":null,"finish_reason":null}],"usage":null}',
      '{"object":"chat.completion.chunk","id":"","created":1,"model":"m","system_fingerprint":"3.0.0-native","choices":[{"index":0,"delta":{"role":"assistant","content":" sea"},"logprobs":null,"finish_reason":null}],"usage":null}',
      '{"object":"chat.completion.chunk","id":"","created":1,"model":"m","system_fingerprint":"3.0.0-native","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":"eos_token"}],"usage":null}',
      '{"object":"chat.completion.chunk","id":"","created":1,"model":"m","system_fingerprint":"3.0.0-native","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}',
    ],
    text: "Deep sea",
    usage: true,
  },
  {
    kind: "vllm",
    what: "vLLM: reasons and token ids that are null, usage by itself",
    lines: [
      '{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}',
      '{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Yes","reasoning_content":null},"logprobs":null,"finish_reason":null,"token_ids":null}]}',
      '{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}]}',
      '{"id":"chatcmpl-9","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"total_tokens":10,"completion_tokens":1}}',
      "[DONE]",
    ],
    text: "Yes",
    usage: true,
  },
];

describe.each(streams)("$what", ({ kind, lines, text, usage }) => {
  it.each(["\n", "\r\n"])("is read to the end (%j)", (eol) => {
    const decoder = new OpenAiDecoder("/v1/chat/completions", engineFamilies[kind].endsWithDone);
    const bytes = Buffer.from(
      lines.map((line) => (line.startsWith(":") ? line : `data: ${line}`) + eol + eol).join(""),
    );
    const events: EngineEvent[] = [];
    decoder.push(bytes, events);
    decoder.end();
    const deltas = events.flatMap((event) => (event.type === "delta" ? [event.delta] : []));
    expect(deltas.filter((delta) => typeof delta === "string").join("")).toBe(text);
    expect(deltas.filter((delta) => typeof delta !== "string")).toHaveLength(1);
    expect(events.some((event) => event.type === "usage")).toBe(usage);
  });
});

describe("an answer that another request cut short", () => {
  it("is not taken for a whole one, though llama-cpp-python writes [DONE] behind it", () => {
    const decoder = new OpenAiDecoder("/v1/completions", true);
    const stream =
      'data: {"choices": [{"text": " its", "index": 0, "logprobs": null, "finish_reason": null}]}\r\n\r\ndata: [DONE]\r\n\r\n';
    const events: EngineEvent[] = [];
    expect(() => decoder.push(Buffer.from(stream), events)).toThrow(
      expect.objectContaining({ code: "engine_protocol_error" }),
    );
    expect(events).toEqual([{ type: "delta", delta: " its" }]);
  });
});
