import { describe, expect, it } from "vitest";
import { trainOnClusters } from "./cluster-training.js";
import { trainOnLabels } from "./label-training.js";
import type { PromptExample } from "./prompt-example.js";
import type { QuantizedMatrix } from "./quantized-matrix.js";
import { SeededRandom } from "./seeded-random.js";
import { encodeVocabulary } from "./vocabulary-file.js";
import type { TrainedRouter } from "./trained-router.js";

const themes = {
  cooking: "oven flour butter bake simmer onion sauce recipe garlic dough".split(" "),
  sailing: "harbour mast anchor wind keel sail tide rudder knot deck".split(" "),
  chess: "bishop rook pawn gambit castle checkmate queen endgame knight tempo".split(" "),
};

/** Prompts of three themes from two sources each, with a shared filler vocabulary. */
function examples(perTheme: number): PromptExample[] {
  const random = new SeededRandom(11);
  const filler = "how do i the with my and please for best".split(" ");
  return Object.entries(themes).flatMap(([domain, words]) =>
    Array.from({ length: perTheme }, (_, row) => ({
      domain,
      source: `${domain}-${row % 2}`,
      text: Array.from({ length: 8 }, (__, at) => (at % 2 === 0 ? filler : words)[random.nextBelow(10)]).join(
        " ",
      ),
    })),
  );
}

function bytesOf(router: TrainedRouter): string {
  const matrices: readonly QuantizedMatrix[] =
    router.head.kind === "linear" ? router.head.weights : router.head.projection;
  const rest =
    router.head.kind === "linear" ? [router.head.biases] : [router.head.centers, router.head.offsets];
  const parts = [
    encodeVocabulary(router.vocabulary),
    ...matrices.flatMap(({ bytes, scales }) => [bytes, scales]),
    ...rest,
  ];
  const hex = parts
    .map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("base64"))
    .join();
  return hex + JSON.stringify([router.classes, router.training]);
}

describe("trainOnLabels", () => {
  const router = trainOnLabels(examples(60), { seed: 1 });

  it("tells themes apart on sources it was not trained on", () => {
    expect(router.classes.map((of) => of.name)).toEqual(["chess", "cooking", "sailing"]);
    expect(router.training.held_out!.whole_sources).toMatchObject({ n: 180 });
    expect(router.training.held_out!.whole_sources.accuracy).toBeGreaterThan(0.95);
  });

  it("comes out the same to the last bit, and otherwise with another seed", () => {
    expect(bytesOf(trainOnLabels(examples(60), { seed: 1 }))).toBe(bytesOf(router));
    expect(bytesOf(trainOnLabels(examples(60), { seed: 2 }))).not.toBe(bytesOf(router));
  });

  it("says what is missing", () => {
    expect(() => trainOnLabels([{ text: "x" }], { seed: 1 })).toThrow(/no 'domain'/);
    expect(() => trainOnLabels(examples(60).slice(0, 60), { seed: 1 })).toThrow(/at least two labels/);
    expect(() => trainOnLabels(examples(60).slice(57), { seed: 1 })).toThrow(
      /at least 6 prompts.*fewer: cooking/,
    );
  });
});

describe("trainOnClusters", () => {
  const byCluster = { clusters: 3, classes: "clusters", seed: 1 } as const;
  const router = trainOnClusters(examples(60), byCluster);

  it("finds the themes without being told", () => {
    expect(new Set(router.classes.map((of) => of.label))).toEqual(new Set(["chess", "cooking", "sailing"]));
    expect(router.classes.reduce((sum, of) => sum + of.prompts, 0)).toBe(180);
  });

  it("comes out the same to the last bit", () => {
    expect(bytesOf(trainOnClusters(examples(60), byCluster))).toBe(bytesOf(router));
  });

  it("gives every cluster its even share", () => {
    const skewed = [...examples(200).slice(0, 200), ...examples(20).slice(20)];
    expect(trainOnClusters(skewed, byCluster).classes.map((of) => of.prompts)).toEqual([80, 80, 80]);
  });

  it("measures the number of clusters if asked to", () => {
    const { training, classes } = trainOnClusters(examples(80), { ...byCluster, clusters: "auto" });
    expect(training.cluster_count!.picked).toBe(classes.length);
    expect(training.parameters["clusters"]).toBe(classes.length);
  });

  it("asks for enough prompts", () => {
    expect(() => trainOnClusters(examples(5), byCluster)).toThrow(/at least 30 prompts, there are 15/);
  });
});
