import { expect, it } from "vitest";
import { SourceRecalls } from "./source-recalls.js";

function add(recalls: SourceRecalls, label: number, source: string, hits: number, prompts: number): void {
  for (let index = 0; index < prompts; index++) recalls.add(label, source, index < hits);
}

it("counts every source of a label, and every label, the same", () => {
  const recalls = new SourceRecalls();
  add(recalls, 0, "large", 1_000, 1_000);
  add(recalls, 0, "small", 0, 20);
  add(recalls, 1, "large", 20, 20);
  expect(recalls.estimate()).toEqual({ estimate: 0.75 });
});

it("says nothing of sources with few prompts", () => {
  const recalls = new SourceRecalls();
  add(recalls, 0, "tiny", 19, 19);
  expect(recalls.estimate()).toEqual({});
});
