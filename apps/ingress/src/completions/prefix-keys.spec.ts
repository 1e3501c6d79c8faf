import { describe, expect, it } from "vitest";
import { prefixKeys } from "./prefix-keys.js";

const system = { role: "system", content: "Be brief." };
const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const keys = (messages: unknown, tenant = "a", more: object = {}) =>
  prefixKeys("/v1/chat/completions", { model: "auto", messages, ...more }, tenant);

describe("prefixKeys", () => {
  it("leads each turn to the one before", () => {
    const turns = [system, user("1"), assistant("one"), user("2"), assistant("two"), user("3")];
    const [first, second, third] = [2, 4, 6].map((length) => keys(turns.slice(0, length)));
    expect(first).toEqual({ behind: undefined, after: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(second?.behind).toBe(first?.after);
    expect(third?.behind).toBe(second?.after);
    expect(new Set([first?.after, second?.after, third?.after]).size).toBe(3);
  });

  it("leads over tool results, and over several messages of the user", () => {
    const before = [user("1")];
    const call = { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function" }] };
    expect(keys([...before, call, { role: "tool", content: "4" }])?.behind).toBe(keys(before)?.after);
    expect(keys([...before, assistant("one"), user("2"), user("3")])?.behind).toBe(keys(before)?.after);
  });

  it("differs by what is said, by whom, by tenant and by tools, and not by the rest of the body", () => {
    const after = keys([user("1")])?.after;
    expect(keys([user("2")])?.after).not.toBe(after);
    expect(keys([{ role: "system", content: "1" }])?.after).not.toBe(after);
    expect(keys([user("1")], "b")?.after).not.toBe(after);
    expect(keys([user("1")], "a", { tools: [{ type: "function" }] })?.after).not.toBe(after);
    expect(keys([user("1")], "a", { temperature: 1, model: "code", tools: null })?.after).toBe(after);
  });

  it("knows no turn before an answer that stands at the beginning", () => {
    expect(keys([assistant("Hello!"), user("1")])?.behind).toBeUndefined();
  });

  it("leaves alone what is no conversation, or a very long one", () => {
    expect(prefixKeys("/v1/completions", { prompt: "a" }, "a")).toBeUndefined();
    expect(keys([])).toBeUndefined();
    expect(keys([user("x".repeat(1_100_000))])).toBeUndefined();
    expect(keys(Array.from({ length: 5_000 }, () => user("x")))).toBeUndefined();
  });
});
