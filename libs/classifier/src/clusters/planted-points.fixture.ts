import { SeededRandom } from "../seeded-random.js";
import { toUnitRows } from "./unit-rows.js";

/** Unit rows around `groups` random directions, in turn: row r belongs to group r mod `groups`. */
export function plantedPoints(
  rows: number,
  dimensions: number,
  groups: number,
  spread: number,
  seed = 5,
): { readonly points: Float32Array; readonly groups: Int32Array } {
  const random = new SeededRandom(seed);
  const directions = toUnitRows(
    Float32Array.from({ length: groups * dimensions }, () => random.next() - 0.5),
    dimensions,
  );
  const points = Float32Array.from(
    { length: rows * dimensions },
    (_, at) =>
      directions[(Math.floor(at / dimensions) % groups) * dimensions + (at % dimensions)]! +
      spread * (random.next() - 0.5),
  );
  return {
    points: toUnitRows(points, dimensions),
    groups: Int32Array.from({ length: rows }, (_, row) => row % groups),
  };
}
