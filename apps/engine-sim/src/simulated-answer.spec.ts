import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulatedAnswer } from "./simulated-answer.js";
import { splitWrittenTokens, vocabulary } from "./vocabulary.js";

const messages = [{ role: "user", content: "What is a monad?" }];
const chat = { seed: 1, endpoint: "/v1/chat/completions", messages } as const;

describe("simulatedAnswer", () => {
  it("is the same every time", () => {
    expect(simulatedAnswer(chat)).toEqual(simulatedAnswer(chat));
  });

  it("keeps its words between releases: recorded answers stay valid", () => {
    expect(simulatedAnswer({ ...chat, maxTokens: 6 }).tokens.join("")).toMatchInlineSnapshot(
      `"ledil duten nogol vezer bipan baban "`,
    );
  });

  it("differs by seed, by prompt and by choice", () => {
    const texts = [
      simulatedAnswer(chat),
      simulatedAnswer({ ...chat, seed: 2 }),
      simulatedAnswer({ ...chat, messages: [{ role: "user", content: "What is a monoid?" }] }),
      simulatedAnswer({ ...chat, choice: 1 }),
    ].map((answer) => answer.tokens.slice(0, 16).join(""));
    expect(new Set(texts).size).toBe(4);
  });

  it("has 16 to 200 tokens unless told how many", () => {
    const lengths = Array.from(
      { length: 300 },
      (_, seed) => simulatedAnswer({ ...chat, seed }).tokens.length,
    );
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(16);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(200);
    expect(new Set(lengths).size).toBeGreaterThan(50);
    expect(simulatedAnswer({ ...chat, maxTokens: 300 })).toMatchObject({ finishReason: "length" });
    expect(simulatedAnswer({ ...chat, maxTokens: 300 }).tokens).toHaveLength(300);
  });

  it("goes on behind its own beginning with exactly the rest, in chats and plain prompts", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (prompt, seed, share) => {
          const plain = { seed, endpoint: "/v1/completions", prompt } as const;
          const whole = simulatedAnswer(plain).tokens;
          const cut = Math.floor(share * whole.length);
          const written = whole.slice(0, cut).join("");
          expect(simulatedAnswer({ ...plain, prompt: prompt + written }).tokens).toEqual(whole.slice(cut));

          const asked = [{ role: "user", content: prompt }];
          const answer = simulatedAnswer({ ...chat, seed, messages: asked }).tokens;
          const begun = [...asked, { role: "assistant", content: answer.slice(0, cut).join("") }];
          const rest = simulatedAnswer({ ...chat, seed, messages: begun, continueFinalMessage: true }).tokens;
          expect(rest).toEqual(answer.slice(cut));
        },
      ),
    );
  });

  it("ends before a stop string, also inside a token", () => {
    const whole = simulatedAnswer(chat).tokens.join("");
    const stop = whole.slice(31, 36);
    const answer = simulatedAnswer({ ...chat, stop: [stop, "never"] });
    expect(answer.tokens.join("")).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(answer.finishReason).toBe("stop");
  });
});

describe("vocabulary", () => {
  it("has no token that is the end of another", () => {
    const known = new Set(vocabulary);
    expect(known.size).toBe(vocabulary.length);
    for (const token of vocabulary) {
      for (let at = 1; at < token.length; at += 1) expect(known.has(token.slice(at)), token).toBe(false);
    }
  });

  it("is found at the end of a text only", () => {
    const [first = "", second = ""] = vocabulary;
    expect(splitWrittenTokens(`${first}and then ${first}${second}`)).toEqual({
      base: `${first}and then `,
      tokens: 2,
    });
    expect(splitWrittenTokens("")).toEqual({ base: "", tokens: 0 });
  });
});
