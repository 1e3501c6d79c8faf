import { describe, expect, it } from "vitest";
import { spill, type SpillPolicy } from "./spill-rule.js";

const candidates = [
  { expert: "code", probability: 0.6 },
  { expert: "math", probability: 0.5 },
  { expert: "law", probability: 0.35 },
  { expert: "general", probability: 0 },
];
const decided = { expert: "code", reason: "best-match", candidates } as const;
const away = Infinity;

function policy(waits: Record<string, number | null>, more: Partial<SpillPolicy> = {}): SpillPolicy {
  const waitS = (expert: string): number | null => waits[expert] ?? (expert in waits ? null : 0);
  return { margin: 0.2, waitScaleS: 2, fallback: "general", waitS, ...more };
}

describe("spill", () => {
  it("trades probability for wait at the operator's price", () => {
    // 0.1 of 0.2 costs half the scale of 2 s.
    expect(spill(decided, policy({ code: 0.9 }))).toBeUndefined();
    expect(spill(decided, policy({ code: 1.1 }))).toEqual({ expert: "math", waitSavedS: 1.1 });
    expect(spill(decided, policy({ code: 1.1, math: 0.5 }))).toBeUndefined();
    expect(spill(decided, policy({ code: 20 }, { waitScaleS: 300 }))).toBeUndefined();
  });

  it("never goes beyond the margin, whose edge is within", () => {
    expect(spill(decided, policy({ code: 1_000, math: 1_500 }))).toBeUndefined();
    expect(spill(decided, policy({ code: 1_000 }, { margin: 0.09 }))).toBeUndefined();
    expect(spill(decided, policy({ code: 1_000 }, { margin: 0.1 }))?.expert).toBe("math");
    expect(spill(decided, policy({ code: 1_000, math: 1_000 }, { margin: 0.25 }))?.expert).toBe("law");
  });

  it("does nothing without a margin, not even where nobody works", () => {
    expect(spill(decided, policy({ code: away }, { margin: 0 }))).toBeUndefined();
  });

  it("leaves an expert that is away, for the generalist last", () => {
    expect(spill(decided, policy({ code: away }))).toEqual({ expert: "math", waitSavedS: null });
    expect(spill(decided, policy({ code: away, math: 50 }))?.expert).toBe("math");
    expect(spill(decided, policy({ code: away, math: away }))?.expert).toBe("general");
    expect(spill(decided, policy({ code: away, math: away, general: away }))).toBeUndefined();
  });

  it("does not know better than an unknown wait", () => {
    expect(spill(decided, policy({ code: null }))).toBeUndefined();
    expect(spill(decided, policy({ code: 2.9, math: null }))).toBeUndefined();
    expect(spill(decided, policy({ code: 99, math: null }))).toBeUndefined();
    expect(spill(decided, policy({ code: away, math: null }))?.expert).toBe("math");
  });

  it("leaves conversations and uncertain prompts where they are, unless that expert is away", () => {
    const sticky = { expert: "math", reason: "sticky", candidates } as const;
    expect(spill(sticky, policy({ math: 100 }))).toBeUndefined();
    expect(spill(sticky, policy({ math: away }))?.expert).toBe("code");
    const unsure = { expert: "general", reason: "below-threshold", candidates } as const;
    expect(spill(unsure, policy({ general: 100 }))).toBeUndefined();
    expect(spill(unsure, policy({ general: away }))?.expert).toBe("code");
    for (const reason of ["no-text", "pinned", "single-expert"] as const)
      expect(spill({ ...decided, reason }, policy({ code: away }))).toBeUndefined();
  });
});
