import { describe, expect, it } from "vitest";
import { classifiedText, classifiedTurns, maxClassifiedChars } from "./conversation.js";

describe("classifiedText", () => {
  it("takes a long last user turn alone", () => {
    const question = "Why does this loop never end? ".repeat(10);
    const messages = [
      { role: "user" as const, content: "Tell me about the French Revolution." },
      { role: "assistant" as const, content: "It began in 1789." },
      { role: "user" as const, content: question },
    ];
    expect(classifiedText(messages)).toBe(question.trim());
  });

  it("reads earlier user turns before a short one, three at most, and nobody else's", () => {
    const user = (content: string) => ({ role: "user" as const, content });
    const messages = [
      { role: "system" as const, content: "You are a pirate." },
      user("zero"),
      user("one"),
      { role: "assistant" as const, content: "aye" },
      user("two"),
      user("three"),
    ];
    expect(classifiedText(messages)).toBe("one\ntwo\nthree");
  });

  it("joins text parts and skips others", () => {
    const content = [
      { type: "text", text: "What is" },
      { type: "image_url", image_url: { url: "data:," } },
      { type: "text", text: "this?" },
    ];
    expect(classifiedText([{ role: "user", content }])).toBe("What is\nthis?");
  });

  it("is empty without a user turn", () => {
    expect(classifiedText([{ role: "system", content: "Be kind." }])).toBe("");
    expect(classifiedText([{ role: "user", content: null }])).toBe("");
    expect(classifiedText(" \n ")).toBe("");
  });

  it("keeps start and end of a long text", () => {
    const text = `Summarize:${"x".repeat(50_000)}in one line`;
    const kept = classifiedText(text);
    expect(kept).toHaveLength(maxClassifiedChars);
    expect(kept.startsWith("Summarize:")).toBe(true);
    expect(kept.endsWith("in one line")).toBe(true);
  });
});

describe("classifiedTurns", () => {
  const user = (content: string) => ({ role: "user" as const, content });
  const long = (name: string) => `${name} ${"x".repeat(200)}`;

  it("gives each turn the text it had when it was the last, oldest first", () => {
    const messages = [
      user("one"),
      { role: "assistant" as const, content: "?" },
      user(long("two")),
      user("three"),
    ];
    expect(classifiedTurns(messages)).toEqual(["one", long("two"), `${long("two")}\nthree`]);
    for (let upTo = 1; upTo <= messages.length; upTo++)
      expect(classifiedTurns(messages.slice(0, upTo)).at(-1)).toBe(classifiedText(messages.slice(0, upTo)));
  });

  it("looks at the last eight turns, and at what stands before them", () => {
    const turns = Array.from({ length: 20 }, (_, at) => user(String(at)));
    const texts = classifiedTurns(turns);
    expect(texts).toHaveLength(8);
    expect(texts[0]).toBe("10\n11\n12");
    expect(texts.at(-1)).toBe("17\n18\n19");
  });

  it("is one text for a text, and none for nothing", () => {
    expect(classifiedTurns(" hello ")).toEqual(["hello"]);
    expect(classifiedTurns("  ")).toEqual([]);
    expect(classifiedTurns([{ role: "assistant", content: "hello" }, user(" ")])).toEqual([]);
  });
});
