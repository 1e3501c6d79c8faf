/**
 * Closeness x · c − ‖c‖² / 2 of points to centres, which orders centres as −‖x − c‖² / 2 does. Two points and four
 * centres at a time, so that eight sums stand in registers for six values read.
 *
 * @param points rows of `dimensions` values; row `first` to row `first + count` are scored.
 * @param centers rows of `dimensions` values.
 * @param out `count` rows of as many scores as there are centres.
 */
export function scoreCenters(
  points: Float32Array,
  first: number,
  count: number,
  dimensions: number,
  centers: Float64Array,
  out: Float32Array,
): void {
  const clusters = centers.length / dimensions;
  const halves = halfSquares(centers, dimensions);
  for (let row = 0; row < count; row += 2) {
    const a = (first + row) * dimensions;
    const b = row + 1 < count ? a + dimensions : a;
    const outA = row * clusters;
    const outB = b === a ? outA : outA + clusters;
    let cluster = 0;
    for (; cluster + 4 <= clusters; cluster += 4) {
      const c0 = cluster * dimensions;
      const c1 = c0 + dimensions;
      const c2 = c1 + dimensions;
      const c3 = c2 + dimensions;
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      let b0 = 0;
      let b1 = 0;
      let b2 = 0;
      let b3 = 0;
      for (let d = 0; d < dimensions; d++) {
        const x = points[a + d]!;
        const y = points[b + d]!;
        const v0 = centers[c0 + d]!;
        const v1 = centers[c1 + d]!;
        const v2 = centers[c2 + d]!;
        const v3 = centers[c3 + d]!;
        a0 += x * v0;
        a1 += x * v1;
        a2 += x * v2;
        a3 += x * v3;
        b0 += y * v0;
        b1 += y * v1;
        b2 += y * v2;
        b3 += y * v3;
      }
      out[outA + cluster] = a0 - halves[cluster]!;
      out[outA + cluster + 1] = a1 - halves[cluster + 1]!;
      out[outA + cluster + 2] = a2 - halves[cluster + 2]!;
      out[outA + cluster + 3] = a3 - halves[cluster + 3]!;
      out[outB + cluster] = b0 - halves[cluster]!;
      out[outB + cluster + 1] = b1 - halves[cluster + 1]!;
      out[outB + cluster + 2] = b2 - halves[cluster + 2]!;
      out[outB + cluster + 3] = b3 - halves[cluster + 3]!;
    }
    for (; cluster < clusters; cluster++) {
      out[outA + cluster] = dot(points, a, centers, cluster, dimensions) - halves[cluster]!;
      out[outB + cluster] = dot(points, b, centers, cluster, dimensions) - halves[cluster]!;
    }
  }
}

/** Point → its nearest centre; of equal ones the first. */
export function nearestCenters(points: Float32Array, dimensions: number, centers: Float64Array): Int32Array {
  const rows = points.length / dimensions;
  const clusters = centers.length / dimensions;
  const nearest = new Int32Array(rows);
  const block = 1_024;
  const scores = new Float32Array(block * clusters);
  for (let first = 0; first < rows; first += block) {
    const count = Math.min(block, rows - first);
    scoreCenters(points, first, count, dimensions, centers, scores);
    for (let row = 0; row < count; row++) nearest[first + row] = greatestAt(scores, row * clusters, clusters);
  }
  return nearest;
}

/** Place, from `start`, of the greatest of `count` values; of equal ones the first. */
export function greatestAt(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let at = 1; at < count; at++) if (values[start + at]! > values[start + best]!) best = at;
  return best;
}

/** ‖c‖² / 2 of every centre. */
function halfSquares(centers: Float64Array, dimensions: number): Float64Array {
  const halves = new Float64Array(centers.length / dimensions);
  for (let cluster = 0; cluster < halves.length; cluster++) {
    let sum = 0;
    for (let d = 0; d < dimensions; d++)
      sum += centers[cluster * dimensions + d]! * centers[cluster * dimensions + d]!;
    halves[cluster] = sum / 2;
  }
  return halves;
}

function dot(
  points: Float32Array,
  start: number,
  centers: Float64Array,
  cluster: number,
  dimensions: number,
): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) sum += points[start + d]! * centers[cluster * dimensions + d]!;
  return sum;
}
