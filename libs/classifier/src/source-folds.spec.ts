import { describe, expect, it } from "vitest";
import { divideBySource } from "./source-folds.js";

function rows(...groups: [label: number, source: string | undefined, count: number][]) {
  const labels = groups.flatMap(([label, , count]) => Array<number>(count).fill(label));
  const sources = groups.flatMap(([, source, count]) => Array<string | undefined>(count).fill(source));
  return { labels: Int32Array.from(labels), sources };
}

describe("divideBySource", () => {
  it("keeps a source whole, even one that several labels share", () => {
    const { labels, sources } = rows(
      [0, "a", 30],
      [1, "a", 20],
      [0, "b", 40],
      [1, "c", 40],
      [0, "d", 5],
      [1, "d", 5],
    );
    const { folds, whole } = divideBySource(labels, sources, 3, 1);
    for (const source of ["a", "b", "c", "d"]) {
      expect(new Set(folds.filter((_, row) => sources[row] === source)).size, source).toBe(1);
    }
    expect(whole.every((flag) => flag === 1)).toBe(true);
  });

  it("spreads the sources of a label", () => {
    const { labels, sources } = rows([0, "a", 10], [0, "b", 10], [0, "c", 10]);
    expect(new Set(divideBySource(labels, sources, 3, 1).folds).size).toBe(3);
  });

  it("divides a label's only source row by row and says so", () => {
    const { labels, sources } = rows([0, "only", 90], [1, "a", 30], [1, "b", 30], [1, undefined, 30]);
    const { folds, whole } = divideBySource(labels, sources, 3, 1);
    expect(new Set(folds.filter((_, row) => sources[row] === "only")).size).toBe(3);
    expect(whole.filter((_, row) => sources[row] === "only").some((flag) => flag === 1)).toBe(false);
    expect(whole.filter((_, row) => sources[row] === undefined).some((flag) => flag === 1)).toBe(false);
  });

  it("trains on seed prompts in every fold and judges none, unless there is nothing else", () => {
    const { labels, sources } = rows([0, "a", 30], [0, "seed-x", 10], [1, "b", 30], [1, "seed-x", 10]);
    const { folds } = divideBySource(labels, sources, 2, 1);
    expect(sources.map((source, row) => (source === "seed-x") === (folds[row] === -1))).not.toContain(false);
    const only = rows([0, "seed-x", 10], [1, "seed-y", 10]);
    expect(divideBySource(only.labels, only.sources, 2, 1).folds).not.toContain(-1);
  });
});
