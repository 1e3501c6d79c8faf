import { describe, expect, it } from "vitest";
import { scenarios } from "./catalogue.js";
import { holds } from "./scenario.js";
import { tableLines } from "./table.js";

/** Systems that run side by side: each of them waits most of the time. */
const lanes = 3;
const names = scenarios.map(({ name }) => name);

/** The acceptance itself is `npm run scenario`: minutes, one at a time, and the real bounds. */
describe.concurrent("scheduling keeps its promises, in short", () => {
  const free = Array.from({ length: lanes }, () => Promise.resolve());

  it.for(names)("%s", { timeout: 300_000 }, async (name) => {
    const index = names.indexOf(name);
    const scenario = scenarios[index];
    if (scenario === undefined) throw new Error(`no scenario '${name}'`);
    const run = (free[index % lanes] as Promise<void>).then(() =>
      scenario.run({ seed: 1, short: true, say: () => undefined }),
    );
    free[index % lanes] = run.then(
      () => undefined,
      () => undefined,
    );
    const result = await run;
    const broken = result.figures.filter((figure) => holds(figure) === false);
    expect(broken, tableLines(scenario, result).join("\n")).toEqual([]);
    expect(result.figures.some((figure) => holds(figure) === true)).toBe(true);
  });
});
