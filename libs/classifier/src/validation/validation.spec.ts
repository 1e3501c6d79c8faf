import { beforeAll, describe, expect, it } from "vitest";
import type { PromptExample } from "../prompt-example.js";
import { SeededRandom } from "../seeded-random.js";
import { validationMethods, type ValidationMethod } from "./validation-methods.js";
import { divideForValidation, judgedRows, trainedRows } from "./validation-rows.js";
import { validate, type MethodResult, type Validation } from "./validation.js";

const themes = {
  cooking: "oven flour butter bake simmer onion sauce recipe garlic dough".split(" "),
  sailing: "harbour mast anchor wind keel sail tide rudder knot deck".split(" "),
  chess: "bishop rook pawn gambit castle checkmate queen endgame knight tempo".split(" "),
};
/** A word a source, none like another in letters. */
const marks =
  "abacus bedrock cyclone dynamo eclipse fjord gherkin hickory igloo jungle kimono lagoon meteor nugget oxygen".split(
    " ",
  );
const filler = "how do the with my please for best what when".split(" ");

interface Planted {
  /** Whether words of the theme are in the text. */
  readonly themed: boolean;
  /** Sources of each label. */
  readonly sources?: number;
  readonly each?: number;
  readonly prefix?: string;
}

/** Prompts of three labels; every source says a word of its own in each prompt. */
function prompts({ themed, sources = 4, each = 30, prefix = "s" }: Planted): PromptExample[] {
  const random = new SeededRandom(5);
  const pick = (words: readonly string[]): string => words[random.nextBelow(words.length)]!;
  return Object.entries(themes).flatMap(([domain, words], label) =>
    Array.from({ length: sources * each }, (_, row) => {
      const source = `${prefix}${label}${row % sources}`;
      const own = marks[(row % sources) * 3 + label]!;
      const said = Array.from({ length: 3 }, () => pick(themed ? words : filler));
      return { domain, source, text: [own, ...said, pick(filler), pick(filler)].join(" ") };
    }),
  );
}

function shuffledLabels(examples: readonly PromptExample[]): PromptExample[] {
  const labels = examples.map(({ domain }) => domain!);
  new SeededRandom(9).shuffle(labels);
  return examples.map((example, row) => ({ ...example, domain: labels[row]! }));
}

/** Methods by name; those that cluster find few clusters, for there are few prompts. */
const named = (...ids: string[]): ValidationMethod[] =>
  validationMethods
    .filter(({ id }) => ids.includes(id))
    .map((of) => (of.kind === "few-labels" ? { ...of, clusters: 6, labelled: 10, draws: 1 } : of));

function run(
  input: readonly PromptExample[],
  methods: readonly ValidationMethod[],
  seeds: readonly PromptExample[] = [],
): Validation {
  let clock = 0;
  const rows = divideForValidation({ input, seeds }, { folds: 2, seed: 1 });
  return validate(rows, methods, { seed: 1, now: () => (clock += 100) });
}

/** Time that training with few labels may take on a machine that does much else. */
const slowMs = 60_000;

const resultOf = (validation: Validation, id: string): MethodResult =>
  validation.methods.find((of) => of.id === id)!;

describe("validate", () => {
  const methods = named("paper-14", "words-1", "words-0.15", "default", "few-labels");
  let planted: Validation;
  beforeAll(() => {
    planted = run(prompts({ themed: true }), methods);
  }, slowMs);

  it("finds planted themes on sources left out whole, by every method", () => {
    expect(planted.methods.map(({ id }) => id)).toEqual(methods.map(({ id }) => id));
    for (const { id, n, accuracy, macro_accuracy, ece, recall } of planted.methods) {
      expect([id, n, accuracy > 0.9, macro_accuracy > 0.9]).toEqual([id, 360, true, true]);
      expect(ece).toBeLessThan(0.5);
      expect(Object.keys(recall)).toEqual(["chess", "cooking", "sailing"]);
    }
    expect(planted.methods.every(({ seconds }) => seconds > 0)).toBe(true);
  });

  it("comes out the same again", () => {
    const again = run(prompts({ themed: true }), named("paper-14", "default")).methods;
    for (const { seconds: _, ...of } of again) expect(resultOf(planted, of.id)).toMatchObject(of);
  });

  it(
    "finds nothing where labels are shuffled",
    () => {
      const { methods: results } = run(
        shuffledLabels(prompts({ themed: true })),
        named("paper-14", "words-1", "default"),
      );
      for (const { id, accuracy } of results)
        expect([id, accuracy > 0.2 && accuracy < 0.47]).toEqual([id, true]);
    },
    slowMs,
  );

  it("gives nothing for a source's own word, by which random rows would be told apart", () => {
    const marked = prompts({ themed: false });
    const { methods: results } = run(marked, named("paper-14", "words-1", "default"));
    for (const { id, accuracy } of results) expect([id, accuracy < 0.5]).toEqual([id, true]);
    const anonymous = marked.map(({ domain, text }) => ({ domain, text }));
    expect(resultOf(run(anonymous, named("words-1")), "words-1").accuracy).toBeGreaterThan(0.95);
  });

  it("counts a label with one source as wrong without seeds, and learns it from seeds", () => {
    const all = prompts({ themed: true });
    const input = all.filter(({ domain, source }) => domain !== "chess" || source === "s20");
    const seeds = prompts({ themed: true, sources: 1, each: 40, prefix: "seed" });
    const found = run(input, named("words-1", "words-1-seeds", "default"), seeds);
    expect(found.unteachable_by_input).toEqual({ chess: 30 });
    expect(found.unteachable_with_seeds).toEqual({});
    expect(resultOf(found, "words-1").recall["chess"]).toBe(0);
    expect(resultOf(found, "words-1-seeds").recall["chess"]).toBeGreaterThan(0.9);
    const gains = found.default_gains.map(({ against, trained_on }) => [against, trained_on]);
    expect(gains).toEqual([
      ["words-1", "input"],
      ["words-1-seeds", "input and seeds"],
    ]);
    const [byInput, bySeeds] = ["words-1", "words-1-seeds"].map((id) => resultOf(found, id).macro_accuracy);
    const ours = resultOf(found, "default").macro_accuracy;
    expect(found.default_gains[0]!.points).toBeCloseTo((ours - byInput!) * 100, 2);
    expect(found.default_gains[1]!.points).toBeCloseTo((ours - bySeeds!) * 100, 2);
  });

  it("says what cannot be judged", () => {
    expect(() => run(prompts({ themed: true }), named("encoder"))).toThrow(/need seeds or an encoder/);
  });
});

describe("divideForValidation", () => {
  const input = prompts({ themed: true });
  const folded = { folds: 4, seed: 1 };

  it("never trains a model on a source that it is judged on", () => {
    const seeds = prompts({ themed: true, sources: 5, each: 6 }).map(({ text, ...rest }) => ({
      ...rest,
      text: `${text} again`,
    }));
    const rows = divideForValidation({ input, seeds }, folded);
    let judged = 0;
    for (let fold = 0; fold < rows.count; fold++) {
      const trained = new Set(Array.from(trainedRows(rows, fold, true), (row) => rows.sources[row]));
      judged += judgedRows(rows, fold).length;
      for (const row of judgedRows(rows, fold)) expect(trained).not.toContain(rows.sources[row]);
      // Sources that are among the seeds alone.
      expect(trained).toContain("s04");
    }
    expect(judged).toBe(input.length);
  });

  it("leaves out seeds whose text is judged, in whatever case and spacing", () => {
    const [first] = input;
    const seeds = [{ ...first!, text: `  ${first!.text.toUpperCase()} `, source: "other" }];
    expect(divideForValidation({ input, seeds }, folded)).toMatchObject({ repeatedSeeds: 1, judged: 360 });
  });

  it("refuses a single source", () => {
    const one = input.map((example) => ({ ...example, source: "one" }));
    expect(() => divideForValidation({ input: one, seeds: [] }, folded)).toThrow(/at least two sources/);
  });
});
