import type { Delta } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { StopGuard } from "./stop-guard.js";

/** What may be written after each delta, and what is left at the end. */
function trace(stop: unknown, deltas: readonly Delta[]): (readonly Delta[])[] {
  const guard = new StopGuard(stop);
  return [...deltas.map((delta) => guard.push(delta)), guard.end()];
}

describe("StopGuard", () => {
  it("holds whole deltas from the one in which a stop string may begin", () => {
    expect(trace("END", ["a", "b E", "N", "x", "E"])).toEqual([["a"], [], [], ["b E", "N", "x"], [], ["E"]]);
  });

  it("lets go of those that lie in front of a later beginning", () => {
    expect(trace(["aab"], ["a", "a", "a", "c"])).toEqual([[], [], ["a"], ["a", "a", "c"], []]);
  });

  it("does nothing without stop strings of two characters or more", () => {
    for (const stop of [undefined, null, "", "x", ["\n"], [7], "y".repeat(300)])
      expect(trace(stop, ["x", "y"]), String(stop)).toEqual([["x"], ["y"], []]);
  });

  it("gives what it holds when the answer ends", () => {
    const finish = { choices: [{ index: 0, delta: {}, finish_reason: "length" }] };
    expect(trace(["\n\n"], ["a\n", finish])).toEqual([[], ["a\n", finish], []]);
    expect(trace(["\n\n"], ["a\n"])).toEqual([[], ["a\n"]]);
  });

  it("never lets a beginning out, and loses nothing, whatever comes", () => {
    const stops = ["aba", "bb", "aab"];
    for (let n = 0; n < 4_096; n += 1) {
      const text = n.toString(2).padStart(12, "0").replaceAll("0", "a").replaceAll("1", "b");
      const first = Math.min(...stops.map((word) => (text + word).indexOf(word)));
      const guard = new StopGuard(stops);
      let written = "";
      const write = (deltas: readonly Delta[]): void =>
        void (written += deltas.filter((one) => typeof one === "string").join(""));
      for (let at = 0; at < first + 1; at += 1 + (n % 3)) {
        write(guard.push(text.slice(at, Math.min(first + 1, at + 1 + (n % 3)))));
      }
      expect(written.length, text).toBeLessThanOrEqual(first);
      write(guard.end());
      expect(written, text).toBe(text.slice(0, first + 1));
    }
  });
});
