import { describe, expect, it } from "vitest";
import { scenarios } from "./catalogue.js";
import { holds } from "./scenario.js";
import { tableLines } from "./table.js";

/** Systems that run side by side: each of them waits most of the time. */
const lanes = 3;
const names = scenarios.filter(({ needsMinutes }) => needsMinutes !== true).map(({ name }) => name);

/** Runs at most {@link lanes} at a time. */
let freeLanes = lanes;
const waiting: (() => void)[] = [];
async function inLane<Result>(run: () => Promise<Result>): Promise<Result> {
  if (freeLanes > 0) freeLanes -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await run();
  } finally {
    const next = waiting.shift();
    if (next === undefined) freeLanes += 1;
    else next();
  }
}

/** The acceptance itself is `npm run scenario`: minutes, one at a time, and the real bounds. */
describe.concurrent("scheduling keeps its promises, in short", () => {
  it.for(names)("%s", { timeout: 300_000 }, async (name) => {
    const scenario = scenarios.find((each) => each.name === name);
    if (scenario === undefined) throw new Error(`no scenario '${name}'`);
    const result = await inLane(() => scenario.run({ seed: 1, short: true, say: () => undefined }));
    const broken = result.figures.filter((figure) => holds(figure) === false);
    expect(broken, tableLines(scenario, result).join("\n")).toEqual([]);
    expect(result.figures.some((figure) => holds(figure) === true)).toBe(true);
  });
});
