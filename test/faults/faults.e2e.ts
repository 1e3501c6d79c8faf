import { expect, it } from "vitest";
import { faultKinds } from "./fault-kinds.js";
import { runRounds } from "./run-rounds.js";
import { summarise } from "./summary.js";

/** The long form is `npm run faults`. */
const run = { seed: 4, rounds: 6, first: 0, fsync: "always" } as const;
/** Each round takes a few seconds; these two wait for locks or freezes, and belong to the long form. */
const only = faultKinds.filter((kind) => kind !== "stop-worker" && kind !== "swallow-worker");

it(
  "loses nothing and repeats nothing under kill -9, cuts, freezes and failing engines",
  { timeout: 300_000 },
  async () => {
    const results = await runRounds({ ...run, only }, () => undefined);
    expect(results.flatMap(({ violations }) => violations)).toEqual([]);
    const { accepted, completed, lost, duplicated } = summarise(results);
    expect([lost, duplicated]).toEqual([0, 0]);
    // A run that accepted hardly anything would prove nothing.
    expect(accepted).toBeGreaterThan(100);
    expect(completed).toBeGreaterThan(50);
  },
);
