import { describe, expect, it } from "vitest";
import { SeededRandom } from "../seeded-random.js";
import { trainPaperBaseline } from "./paper-baseline.js";

const themes = {
  cooking: "oven flour butter bake simmer onion sauce recipe garlic dough".split(" "),
  sailing: "harbour mast anchor wind keel sail tide rudder knot deck".split(" "),
};

function prompts(perTheme: number, seed: number): { text: string; label: string }[] {
  const random = new SeededRandom(seed);
  return Object.entries(themes).flatMap(([label, words]) =>
    Array.from({ length: perTheme }, () => ({
      label,
      text: `What is the ${Array.from({ length: 4 }, () => words[random.nextBelow(10)]).join(" ")} of 42?`,
    })),
  );
}

describe("trainPaperBaseline", () => {
  const train = prompts(150, 1);
  const baseline = trainPaperBaseline(
    train.map((of) => of.text),
    train.map((of) => of.label),
    4,
  );

  it("names clusters by their majority and finds the label of new prompts", () => {
    const asked = prompts(50, 2);
    const found = baseline.predict(asked.map((of) => of.text));
    const right = found.filter(({ label }, row) => baseline.labels[label] === asked[row]!.label);
    expect(right.length).toBeGreaterThanOrEqual(95);
    expect(found.every(({ probability }) => probability > 0.2 && probability <= 1)).toBe(true);
  });

  it("reads neither numbers nor stop words: a prompt of these is like an empty one", () => {
    const [numbers, empty] = baseline.predict(["What is the 42 of 7?", ""]);
    expect(numbers).toEqual(empty);
  });
});
