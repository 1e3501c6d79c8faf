import type { Endpoint } from "@expert-router/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineEvent } from "./inference-engine.js";
import { OpenAiDecoder } from "./openai-decoder.js";

const chat = "/v1/chat/completions";
const delta = (value: unknown): unknown => ({ type: "delta", delta: value });
const event = (value: unknown, eol = "\n"): string =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}${eol}${eol}`;
const chunk = (said: object, reason: string | null = null): object => ({
  id: "c",
  choices: [{ index: 0, delta: said, finish_reason: reason }],
});

function decode(
  text: string,
  options: { endpoint?: Endpoint; endsWithDone?: boolean; cuts?: readonly number[] } = {},
): EngineEvent[] {
  const decoder = new OpenAiDecoder(options.endpoint ?? chat, options.endsWithDone ?? true);
  const bytes = Buffer.from(text);
  const places = [0, ...(options.cuts ?? []).map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  const events: EngineEvent[] = [];
  for (let i = 1; i < places.length; i += 1) decoder.push(bytes.subarray(places[i - 1], places[i]), events);
  decoder.end();
  return events;
}

/** The end of a stream in good order, and the delta it gives. */
const ending = (eol = "\n"): string => event(chunk({}, "stop"), eol) + event("[DONE]", eol);
const end = delta({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe("OpenAiDecoder", () => {
  it("reads any texts, cut anywhere, spaced and ended in any way, as JSON.parse would", () => {
    const awkward = fc.constantFrom(
      '"',
      "\\",
      "\n",
      "\u2028",
      '"content":"',
      "data: [DONE]\n\n",
      "é",
      "🙂",
      "}",
    );
    const text = fc.oneof(fc.string({ unit: "grapheme" }), awkward).filter((value) => value !== "");
    const style = fc.record({ spaced: fc.boolean(), eol: fc.constantFrom("\n", "\r\n"), role: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 12 }),
        style,
        fc.array(fc.nat(), { maxLength: 6 }),
        (texts, { spaced, eol, role }, cuts) => {
          const write = (value: unknown): string => {
            // Python's json.dumps puts a space behind colons and commas.
            const json = spaced
              ? JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ")
              : JSON.stringify(value);
            return event(json, eol);
          };
          const written = texts.map((content) =>
            write(chunk({ ...(role && { role: "assistant" }), content })),
          );
          expect(decode(written.join("") + ending(eol), { cuts })).toEqual([...texts.map(delta), end]);
        },
      ),
    );
  });

  it("does not take a choice, a finish or a tool call for more of the same text", () => {
    const tool = { tool_calls: [{ index: 0, id: "t", function: { name: "f", arguments: "" } }] };
    const stream = [
      chunk({ content: "a" }),
      chunk({ content: "b" }),
      { id: "c", choices: [{ index: 1, delta: { content: "other" }, finish_reason: null }] },
      chunk({ content: "c" }),
      chunk(tool),
      chunk({ content: "d", reasoning_content: "hm" }),
      chunk({ content: "e" }, "stop"),
    ];
    expect(decode(stream.map((one) => event(one)).join("") + event("[DONE]"))).toEqual([
      delta("a"),
      delta("b"),
      delta({ choices: [{ index: 1, delta: { content: "other" }, finish_reason: null }] }),
      delta("c"),
      delta({ choices: [{ index: 0, delta: tool, finish_reason: null }] }),
      delta({
        choices: [{ index: 0, delta: { content: "d", reasoning_content: "hm" }, finish_reason: null }],
      }),
      delta({ choices: [{ index: 0, delta: { content: "e" }, finish_reason: "stop" }] }),
    ]);
  });

  it("keeps log-probabilities, which are choices too", () => {
    const choice = {
      index: 0,
      delta: { content: "a" },
      logprobs: { content: [{ token: "a", logprob: -1 }] },
      finish_reason: null,
    };
    expect(decode(event({ choices: [choice] }) + ending())).toEqual([delta({ choices: [choice] }), end]);
  });

  it("drops chunks that say nothing: a role, an empty text, no choices", () => {
    const stream = [
      chunk({ role: "assistant", content: "" }),
      chunk({ role: "assistant" }),
      { id: "c", choices: [] },
      chunk({}),
    ];
    expect(decode(stream.map((one) => event(one)).join("") + ending())).toEqual([end]);
  });

  it("reads text completions", () => {
    const choice = (text: string): object => ({
      object: "text_completion",
      choices: [{ index: 0, text, logprobs: null, finish_reason: null }],
    });
    const stream = event(choice("a")) + event(choice("b")) + event(choice('"c"')) + ending();
    expect(decode(stream, { endpoint: "/v1/completions" })).toEqual([
      delta("a"),
      delta("b"),
      delta('"c"'),
      end,
    ]);
  });

  it("reads usage by itself and beside choices", () => {
    const usage = {
      prompt_tokens: 1,
      completion_tokens: 2,
      total_tokens: 3,
      prompt_tokens_details: { cached_tokens: 1 },
    };
    const stream = [
      { ...chunk({ content: "a" }), usage: null },
      { ...chunk({}, "stop"), usage },
      { choices: [], usage },
    ];
    expect(decode(stream.map((one) => event(one)).join("") + event("[DONE]"))).toEqual([
      delta("a"),
      delta({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      { type: "usage", usage },
      { type: "usage", usage },
    ]);
  });

  it("says nothing after [DONE]", () => {
    expect(
      decode(event(chunk({ content: "a" })) + ending() + event(chunk({ content: "b" })) + event("junk")),
    ).toEqual([delta("a"), end]);
  });

  it("misses the end", () => {
    expect(() => decode(event(chunk({ content: "a" })))).toThrow(code("engine_protocol_error"));
    expect(() => decode(event(chunk({ content: "a" })) + event("[DONE]"))).toThrow(
      code("engine_protocol_error"),
    );
    expect(() => decode(event(chunk({}, "stop")))).toThrow(code("engine_protocol_error"));
    expect(() => decode(event(chunk({ content: "a" })), { endsWithDone: false })).toThrow(
      code("engine_protocol_error"),
    );
    expect(() => decode(event(chunk({}, "stop")), { endsWithDone: false })).not.toThrow();
  });

  it("refuses what is no chunk", () => {
    for (const junk of ["{", "7", "[]", '{"choices":7}'])
      expect(() => decode(event(junk)), junk).toThrow(code("engine_protocol_error"));
  });

  it("turns an error in the stream into its own code", () => {
    expect(() => decode(event({ error: { message: "out of memory", code: 500 } }))).toThrow(
      code("engine_error"),
    );
    expect(() => decode(event({ error: { message: "too long", code: 400 } }))).toThrow(
      code("engine_rejected"),
    );
    expect(() => decode(event({ error: "plain words" }))).toThrow(
      expect.objectContaining({ code: "engine_error", message: "plain words" }),
    );
  });
});
