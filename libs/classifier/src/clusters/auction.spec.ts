import { describe, expect, it } from "vitest";
import { SeededRandom } from "../seeded-random.js";
import { assignByAuction } from "./auction.js";

function total(scores: Float32Array, assignment: Int32Array, clusters: number): number {
  return assignment.reduce((sum, cluster, row) => sum + scores[row * clusters + cluster]!, 0);
}

/** The best total over every division that fills the room, by trying all. */
function bestTotal(scores: Float32Array, room: readonly number[]): number {
  const rows = scores.length / room.length;
  const seek = (row: number, free: readonly number[]): number =>
    row === rows
      ? 0
      : Math.max(
          ...free.map((places, cluster) =>
            places === 0
              ? -Infinity
              : scores[row * room.length + cluster]! + seek(row + 1, free.with(cluster, places - 1)),
          ),
        );
  return seek(0, room);
}

describe("assignByAuction", () => {
  it("fills every cluster exactly and comes near the best total there is", () => {
    const random = new SeededRandom(3);
    const room = [3, 2, 2];
    for (let run = 0; run < 20; run++) {
      const scores = Float32Array.from({ length: 21 }, () => random.next());
      const assignment = assignByAuction(scores, Int32Array.from(room));
      expect(room.map((_, cluster) => assignment.filter((of) => of === cluster).length)).toEqual(room);
      // Seven points, each within a raise of 1/500 of the range.
      expect(total(scores, assignment, 3)).toBeGreaterThan(bestTotal(scores, room) - 7 / 500);
    }
  });

  it("divides points that score alike everywhere", () => {
    const assignment = assignByAuction(
      new Float32Array(4_000).fill(0.5),
      Int32Array.from([250, 250, 250, 250]),
    );
    expect([0, 1, 2, 3].map((cluster) => assignment.filter((of) => of === cluster).length)).toEqual([
      250, 250, 250, 250,
    ]);
  });

  it("gives everything to the only cluster", () => {
    expect([...assignByAuction(new Float32Array(3), Int32Array.of(3))]).toEqual([0, 0, 0]);
  });
});
