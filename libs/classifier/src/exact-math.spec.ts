import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactExp, exactLog } from "./exact-math.js";

describe("exact functions", () => {
  it("agree with Math.log", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (value) => {
        expect(Math.abs(exactLog(value) - Math.log(value))).toBeLessThan(
          1e-14 * Math.max(1, Math.abs(Math.log(value))),
        );
      }),
    );
  });

  it("agree with Math.exp", () => {
    fc.assert(
      fc.property(fc.double({ min: -690, max: 690, noNaN: true }), (value) => {
        expect(Math.abs(exactExp(value) / Math.exp(value) - 1)).toBeLessThan(1e-12);
      }),
    );
    expect(exactExp(-1e6)).toBe(0);
  });
});
