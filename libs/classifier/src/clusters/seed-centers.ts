import type { SeededRandom } from "../seeded-random.js";

/** Copies of the named rows, one after another. */
export function gatherRows(points: Float32Array, dimensions: number, rows: ArrayLike<number>): Float32Array {
  const gathered = new Float32Array(rows.length * dimensions);
  for (let at = 0; at < rows.length; at++)
    gathered.set(points.subarray(rows[at]! * dimensions, (rows[at]! + 1) * dimensions), at * dimensions);
  return gathered;
}

/**
 * `count` different rows to start k-means from, each drawn with a probability proportional to its squared distance from
 * those drawn before (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007). Where
 * all that is left coincides with rows drawn, the first row not yet drawn is taken.
 */
export function seedCenters(
  points: Float32Array,
  dimensions: number,
  count: number,
  random: SeededRandom,
): number[] {
  const rows = points.length / dimensions;
  const gaps = new Float64Array(rows).fill(Infinity);
  const drawn = new Set<number>();
  let row = random.nextBelow(rows);
  for (;;) {
    drawn.add(row);
    if (drawn.size === count) return [...drawn];
    let total = 0;
    for (let other = 0; other < rows; other++) {
      gaps[other] = Math.min(
        gaps[other]!,
        squaredGap(points, other * dimensions, row * dimensions, dimensions),
      );
      total += gaps[other]!;
    }
    row = drawByWeight(gaps, random.next() * total);
    if (drawn.has(row)) row = gaps.findIndex((_, other) => !drawn.has(other));
  }
}

/** The place where the running sum of weights passes `mark`. */
function drawByWeight(weights: Float64Array, mark: number): number {
  let sum = 0;
  for (let at = 0; at < weights.length; at++) {
    sum += weights[at]!;
    if (sum > mark) return at;
  }
  return weights.length - 1;
}

function squaredGap(points: Float32Array, a: number, b: number, dimensions: number): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    const gap = points[a + d]! - points[b + d]!;
    sum += gap * gap;
  }
  return sum;
}
