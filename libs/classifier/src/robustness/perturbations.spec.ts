import { describe, expect, it } from "vitest";
import { SeededRandom } from "../seeded-random.js";
import { closings, openings } from "./chatter.js";
import { perturbations } from "./perturbations.js";

const prompts = [
  "Write a Python function that merges two sorted lists, please.",
  "What's the capital of Australia?  And who chose it?",
  "Can you explain (briefly) how a heat pump works?",
  "Résumez ce texte en trois phrases : « Il était une fois… »",
  "I don't understand why my card was declined; it is new.",
];

/** The text that `name` makes of `text`, by seed `seed`. */
function changed(name: string, text: string, seed = 1): string {
  return perturbations.find((of) => of.name === name)!.apply(text, new SeededRandom(seed));
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\d]+/gu) ?? [];

describe.each(perturbations)("$name", ({ name, apply }) => {
  it("changes every prompt, alike for the same seed", () => {
    for (const text of prompts) {
      expect(changed(name, text), text).not.toBe(text);
      expect(changed(name, text, 7)).toBe(changed(name, text, 7));
    }
  });

  it("leaves something to read of anything", () => {
    for (const text of ["a", "?!", "42", "日本語", "👍🏽", "don't"]) {
      const after = apply(text, new SeededRandom(3));
      // Throws at half a character.
      expect(encodeURIComponent(after), text).not.toBe("");
      if (name !== "typos") expect(after.trim(), text).not.toBe("");
    }
  });
});

describe("what a prompt is about stays", () => {
  it("typos leave most words whole", () => {
    const text =
      "please compare the average yearly rainfall of northern and southern mountain regions since records began";
    const kept = wordsOf(changed("typos", text)).filter((word) => wordsOf(text).includes(word));
    expect(kept.length).toBeGreaterThan(wordsOf(text).length / 2);
    expect(changed("typos", text, 1)).not.toBe(changed("typos", text, 2));
  });

  it("form changes keep the words", () => {
    for (const text of prompts) {
      for (const name of ["lower case", "upper case", "wide spacing"])
        expect(wordsOf(changed(name, text))).toEqual(wordsOf(text));
      expect(changed("no punctuation", text)).not.toMatch(/[.,;:!?()«»…]/);
      expect(wordsOf(text).slice(0, 4)).toEqual(wordsOf(changed("first 5 words", text)).slice(0, 4));
    }
  });

  it("chatter, code and documents keep the prompt as it is", () => {
    for (const text of prompts) {
      expect(openings.some((opening) => changed("opening chatter", text) === opening + text)).toBe(true);
      expect(closings.some((closing) => changed("closing chatter", text) === text + closing)).toBe(true);
      expect(changed("pasted code", text).startsWith(`${text}\n\n\`\`\``)).toBe(true);
      const long = changed("long document", text);
      expect(long.length).toBeGreaterThan(6_000);
      expect(long.startsWith(text) || long.endsWith(text)).toBe(true);
    }
    expect(new Set(openings).size).toBe(20);
  });

  it("a paraphrase asks the same in other words", () => {
    expect(changed("paraphrase", prompts[0]!)).toMatch(
      / write a Python function that merges two sorted lists, please\.$/,
    );
    expect(changed("paraphrase", prompts[1]!)).toMatch(
      / what is the capital of Australia\? {2}And who chose it\?$/,
    );
    expect(changed("paraphrase", prompts[2]!)).toMatch(
      /^(Please|I want you to) explain \(briefly\) how a heat pump works\?$/,
    );
    expect(changed("paraphrase", prompts[4]!)).toMatch(
      /^I do not understand why my card was declined; it's new\. /,
    );
  });

  it("accents go where there are some and come where there are none", () => {
    expect(changed("diacritics", "Où est l'été ?")).toBe("Ou est l'ete ?");
    const accented = changed("diacritics", "the quick brown fox jumps over the lazy dog again and again");
    expect(accented.normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "")).toBe(
      "the quick brown fox jumps over the lazy dog again and again",
    );
    expect(changed("diacritics", "これは何ですか が")).toBe("これは何ですか が");
  });
});
