import { describe, expect, it } from "vitest";
import type { RouterManifest } from "@expert-router/classifier";
import type { Classification } from "./classifier.js";
import { ExpertRouter, type RoutingClassifier } from "./expert-router.js";

const labels = ["code", "law"];
const policy = {
  experts: labels.map((id) => ({ id, domains: [id], clusters: [] })),
  fallback: "law",
  threshold: 0.45,
  stickiness: 0.15,
};
const user = (content: string) => ({ role: "user" as const, content });

/** A classifier that takes the probability of code from the last word of a text, and notes what it is asked. */
function fakeClassifier(changes: Partial<RoutingClassifier> = {}) {
  const asked: string[][] = [];
  const answer = (text: string): Classification => {
    const code = Number(text.split(/\s/).at(-1));
    return { probabilities: Float32Array.of(code, 1 - code), labels, features: 1 };
  };
  const classifier: RoutingClassifier = {
    labels,
    version: "v1",
    manifest: {} as RouterManifest,
    classifyAll: async (texts) => {
      asked.push([...texts]);
      return texts.map(answer);
    },
    explain: async () => [],
    close: async () => undefined,
    ...changes,
  };
  return { classifier, asked };
}

const routerOf = (classifier: RoutingClassifier, stickiness = policy.stickiness) =>
  new ExpertRouter({ ...policy, stickiness }, classifier, Int32Array.of(0, 1));

describe("the turns of a conversation", () => {
  it("are one batch, and decide in order", async () => {
    const { classifier, asked } = fakeClassifier();
    const talk = [user("start 0.9"), { role: "assistant" as const, content: "0.1" }, user("and 0.45")];
    expect(await routerOf(classifier).route(talk)).toMatchObject({ expert: "code", reason: "sticky" });
    expect(asked).toEqual([["start 0.9", "start 0.9\nand 0.45"]]);
  });

  it("are left out where only the last one counts, as with a single text", async () => {
    const { classifier, asked } = fakeClassifier();
    expect(await routerOf(classifier, 0).route([user("start 0.9"), user("and 0.45")])).toMatchObject({
      expert: "law",
      reason: "best-match",
    });
    await routerOf(classifier).route("single 0.5");
    expect(asked).toEqual([["start 0.9\nand 0.45"], ["single 0.5"]]);
  });
});

describe("an explanation", () => {
  const sentenceOf = async (input: Parameters<ExpertRouter["explain"]>[0]) =>
    (await routerOf(fakeClassifier().classifier).explain(input)).explanation.text;

  it("is one sentence with the figures that decided", async () => {
    expect(await sentenceOf("x 0.9")).toBe(
      "code answers: it is the most probable expert at 90 %, 80 points ahead of law; the text is nearest to the class code.",
    );
    expect(await sentenceOf([user("x 0.9"), user("y 0.45")])).toBe(
      "code answers because the conversation is with it: law is more probable by less than the 15 points that a change takes.",
    );
    expect(await sentenceOf("")).toBe("law answers as the generalist: there is no text to classify.");
  });

  it("names the words where the classifier can, and nothing where nothing was asked", async () => {
    const terms = [{ term: "loop", weight: 2 }];
    const router = routerOf(fakeClassifier({ explain: async () => terms }).classifier);
    const { explanation } = await router.explain("x 0.75");
    expect(explanation).toMatchObject({
      margin: 0.5,
      runner_up: { expert: "law", probability: 0.25 },
      nearest_class: { name: "code", probability: 0.75 },
      threshold: 0.45,
      terms,
    });
    expect((await router.explain("")).explanation).toMatchObject({
      margin: null,
      nearest_class: null,
      terms: [],
    });
  });
});

describe("close", () => {
  it("waits for the calls under way, and closes the classifier once", async () => {
    const order: string[] = [];
    let answer: (() => void) | undefined;
    const { classifier } = fakeClassifier({
      classifyAll: ([text]) =>
        new Promise((resolve) => {
          answer = () => {
            order.push(text!);
            resolve([{ probabilities: Float32Array.of(1, 0), labels, features: 1 }]);
          };
        }),
      close: async () => void order.push("closed"),
    });
    const router = routerOf(classifier);
    const decision = router.route("asked");
    const closed = Promise.all([router.close(), router.close()]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(order).toEqual([]);
    answer!();
    expect(await decision).toMatchObject({ expert: "code" });
    await closed;
    expect(order).toEqual(["asked", "closed"]);
  });
});
