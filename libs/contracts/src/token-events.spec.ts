import { describe, expect, it } from "vitest";
import { comparePositions, formatPosition, parsePosition, terminalPosition } from "./token-events.js";

describe("positions", () => {
  it("survive being written and read", () => {
    for (const position of [{ epoch: 1, seq: 0 }, { epoch: 3, seq: 17 }, terminalPosition]) {
      expect(parsePosition(formatPosition(position))).toEqual(position);
    }
  });

  it("refuse what is none", () => {
    for (const text of [
      "",
      "1",
      "1-",
      "-1",
      "1-2-3",
      "a-b",
      "1-99999999999999999",
      "9999999999999999-0",
      " 1-2",
    ]) {
      expect(parsePosition(text), text).toBeUndefined();
    }
  });

  it("are ordered by attempt, then by delta", () => {
    expect(comparePositions({ epoch: 2, seq: 0 }, { epoch: 1, seq: 9 })).toBeGreaterThan(0);
    expect(comparePositions({ epoch: 2, seq: 3 }, { epoch: 2, seq: 9 })).toBeLessThan(0);
  });
});
