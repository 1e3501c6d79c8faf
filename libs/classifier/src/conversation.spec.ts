import { describe, expect, it } from "vitest";
import { classifiedText, maxClassifiedChars } from "./conversation.js";

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
