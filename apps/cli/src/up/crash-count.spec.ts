import { describe, expect, it } from "vitest";
import { CrashCount } from "./crash-count.js";

describe("CrashCount", () => {
  it("waits longer with every crash, and gives up at the fifth within 30 s", () => {
    const crashes = new CrashCount();
    expect([0, 1_000, 2_000, 3_000, 4_000].map((nowMs) => crashes.next(nowMs))).toEqual([
      250,
      500,
      1_000,
      2_000,
      undefined,
    ]);
  });

  it("forgets crashes of long ago", () => {
    const crashes = new CrashCount();
    for (let nowMs = 0; nowMs < 600_000; nowMs += 20_000) expect(crashes.next(nowMs)).toBeLessThan(1_000);
  });
});
