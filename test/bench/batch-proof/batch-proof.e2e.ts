import { expect, it } from "vitest";
import { brokenBounds } from "./main.js";
import { proveBatch, type BatchFigures } from "./prove-batch.js";

/** The long form is `npm run batch-proof`. */
const proof = {
  lines: 1_200,
  kills: 2,
  experts: 2,
  concurrency: 4,
  maxTokens: 4,
  // 160 lines a second: however fast the machine, the batch outlasts the kills.
  tokenMs: 12,
  file: "routers/seeds/forum.jsonl",
};

it("finishes a batch through kill -9 of everything, each line once", { timeout: 240_000 }, async () => {
  const figures = await proveBatch(proof, () => undefined);
  expect(figures).toMatchObject({ status: "completed", missing: 0, twice: 0, failed: 0, kills: 2 });
  expect(figures.engineCalls).toBeGreaterThanOrEqual(proof.lines);
  // Two kills find some requests at the engines each; so few lines make a larger share of them.
  expect(figures.engineCalls).toBeLessThanOrEqual(
    proof.lines + 2 * proof.kills * proof.experts * proof.concurrency,
  );
});

it("names each bound that is broken", () => {
  const good: BatchFigures = {
    ...{
      lines: 50_000,
      kills: 0,
      killsAsked: 0,
      uploadS: 1,
      validatedS: 15,
      runS: 33,
      linesPerTwoCpuS: 1,
      cpuMsPerLine: {},
    },
    ...{ rssBeforeMb: 170, rssMaxMb: 270, redisMaxMb: 100, engineCalls: 51_000 },
    ...{ missing: 0, twice: 0, failed: 0, status: "completed" },
  };
  expect(brokenBounds(good)).toEqual([]);
  const breaks: [Partial<BatchFigures>, RegExp][] = [
    [{ missing: 1 }, /^1 lines are missing/],
    [{ twice: 2 }, /^2 lines are there twice/],
    [{ failed: 3 }, /^3 lines failed/],
    [{ status: "expired" }, /^the batch is expired/],
    [{ killsAsked: 2, kills: 1 }, /^killed 1 times instead of 2/],
    [{ engineCalls: 51_001 }, /engine calls/],
    [{ validatedS: 15.1 }, /running after/],
    [{ runS: 33.4 }, /lines a second/],
    [{ rssMaxMb: 270.1 }, /grew/],
  ];
  for (const [change, bound] of breaks)
    expect(brokenBounds({ ...good, ...change })).toEqual([expect.stringMatching(bound)]);
  expect(brokenBounds({ ...good, kills: 1, killsAsked: 1, validatedS: 40, runS: 90, rssMaxMb: 500 })).toEqual(
    [],
  );
});
