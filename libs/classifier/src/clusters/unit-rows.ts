/** Brings every row of `dimensions` values to length 1, in place; rows of zeros stay. */
export function toUnitRows(points: Float32Array, dimensions: number): Float32Array {
  for (let start = 0; start < points.length; start += dimensions) {
    let square = 0;
    for (let d = 0; d < dimensions; d++) square += points[start + d]! * points[start + d]!;
    if (square === 0) continue;
    const length = Math.sqrt(square);
    for (let d = 0; d < dimensions; d++) points[start + d]! /= length;
  }
  return points;
}
