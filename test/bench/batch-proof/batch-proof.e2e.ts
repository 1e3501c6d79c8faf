import { expect, it } from "vitest";
import { isProven } from "./main.js";
import { proveBatch } from "./prove-batch.js";

/** The long form is `npm run batch-proof`. */
const proof = {
  lines: 1_200,
  kills: 2,
  experts: 2,
  concurrency: 4,
  maxTokens: 4,
  file: "routers/seeds/forum.jsonl",
};

it("finishes a batch through kill -9 of everything, each line once", { timeout: 240_000 }, async () => {
  const figures = await proveBatch(proof, () => undefined);
  expect(figures).toMatchObject({ status: "completed", missing: 0, twice: 0, failed: 0 });
  expect(figures.engineCalls).toBeGreaterThanOrEqual(proof.lines);
  // Two kills find some requests at the engines each; so few lines make a larger share of them.
  expect(figures.engineCalls).toBeLessThanOrEqual(
    proof.lines + 2 * proof.kills * proof.experts * proof.concurrency,
  );
  expect(figures.kills).toBeGreaterThan(0);
  expect(isProven({ ...figures, missing: 1 })).toBe(false);
});
