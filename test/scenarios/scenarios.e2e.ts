import { describe, expect, it } from "vitest";
import { scenarios } from "./catalogue.js";
import { holds } from "./scenario.js";
import { tableLines } from "./table.js";

/** The acceptance itself is `npm run scenario`: minutes, and the real bounds. */
describe("scheduling keeps its promises, in short", () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s",
    { timeout: 120_000 },
    async (_, scenario) => {
      const result = await scenario.run({ seed: 1, short: true, say: () => undefined });
      const broken = result.figures.filter((figure) => holds(figure) === false);
      expect(broken, tableLines(scenario, result).join("\n")).toEqual([]);
      expect(result.figures.some((figure) => holds(figure) === true)).toBe(true);
    },
  );
});
