import { expect, it } from "vitest";
import { noDomainKinds, noDomainPrompts } from "./no-domain-prompts.js";
import { perturbations } from "./perturbations.js";
import { measureRobustness, robustnessSchema, type RobustnessDecision } from "./robustness.js";
import { scriptOfText } from "./script-of-text.js";

const examples = [
  { text: "how do I bake bread", domain: "cooking" },
  { text: "the oven is too hot", domain: "cooking" },
  { text: "Where is the anchor?", domain: "sailing" },
  { text: "якорь в море", domain: "sailing" },
];

/** Knows a cooking word only in small letters and takes everything without one for sailing; unsure of what is short. */
const decide = (texts: readonly string[]): Promise<RobustnessDecision[]> =>
  Promise.resolve(
    texts.map((text) => {
      const domain = /bread|oven/.test(text) ? "cooking" : "sailing";
      const generalist = text.length < 5;
      return {
        domain,
        expert: generalist ? "general" : domain,
        generalist,
        confidence: generalist ? 0.2 : 0.9,
      };
    }),
  );

it("compares every prompt that changes with itself before", async () => {
  const seen: number[] = [];
  const report = await measureRobustness(examples, decide, {
    seed: 1,
    promptsPerKind: 20,
    onProgress: (done) => seen.push(done),
  });
  expect(robustnessSchema.parse(report)).toEqual(report);
  expect(Object.keys(report.perturbations)).toEqual(perturbations.map(({ name }) => name));
  expect(report.perturbations["upper case"]).toEqual({
    n: 4,
    accuracy_before: 1,
    accuracy_after: 0.5,
    agreement: 0.5,
    generalist_before: 0,
    generalist_after: 0,
  });
  expect(report.perturbations["lower case"]).toMatchObject({
    n: 2,
    accuracy_before: 1,
    accuracy_after: 1,
    agreement: 1,
  });
  expect(report.perturbations["first 5 words"]).toMatchObject({ n: 0 });
  expect(report.scripts).toEqual({
    "plain Latin": { n: 3, accuracy: 1, generalist: 0 },
    Cyrillic: { n: 1, accuracy: 1, generalist: 0 },
  });
  expect(seen.at(-1)).toBe(1);
  expect(await measureRobustness(examples, decide, { seed: 1, promptsPerKind: 20 })).toEqual(report);
});

it("counts what goes to the generalist among prompts of no domain", async () => {
  const { no_domain: none } = await measureRobustness([], decide, { seed: 1, promptsPerKind: 50 });
  expect(Object.keys(none.kinds)).toEqual(noDomainKinds);
  expect(none.kinds["random words"]).toEqual({ n: 50, generalist: 0, confidence: 0.9 });
  expect(none.kinds["small talk"]!.generalist).toBeGreaterThan(0.1);
  const mean = Object.values(none.kinds).reduce((sum, { generalist }) => sum + generalist, 0) / 6;
  expect(none.generalist).toBeCloseTo(mean, 3);
});

it("makes prompts of no domain from a seed", () => {
  for (const kind of noDomainKinds) {
    const prompts = noDomainPrompts(kind, 30, 4);
    expect(prompts).toHaveLength(30);
    expect(prompts).toEqual(noDomainPrompts(kind, 30, 4));
    expect(prompts).not.toEqual(noDomainPrompts(kind, 30, 5));
    for (const prompt of prompts) {
      expect(prompt.trim(), kind).not.toBe("");
      // Throws at half a character.
      expect(encodeURIComponent(prompt)).not.toBe("");
    }
  }
  expect(noDomainPrompts("digits", 20, 1).join("")).toMatch(/^[\d ]+$/);
  expect(noDomainPrompts("emoji", 20, 1).join("")).not.toMatch(/[\p{L}\d]/u);
  expect(noDomainPrompts("random characters of other scripts", 20, 1).join("")).not.toMatch(/[a-z]/i);
});

it("tells scripts apart", () => {
  expect(scriptOfText("What is 3 + 4?")).toBe("plain Latin");
  expect(scriptOfText("Où est l'été ?")).toBe("accented Latin");
  expect(scriptOfText("Что это за слово 'code'?")).toBe("Cyrillic");
  expect(scriptOfText("日本語を書く")).toBe("Han and kana");
  expect(scriptOfText("한국어로 써 줘")).toBe("Hangul");
  expect(scriptOfText("مرحبا")).toBe("Arabic");
  expect(scriptOfText("3 + 4 = 👍")).toBe("no letters");
});
