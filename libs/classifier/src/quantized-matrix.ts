/** A matrix of signed bytes with one scale a column: value[r, c] = bytes[r · columns + c] · scales[c]. */
export interface QuantizedMatrix {
  readonly bytes: Int8Array;
  readonly scales: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Rounds every column to 255 steps of its greatest absolute value. */
export function quantize(values: Float32Array, columns: number): QuantizedMatrix {
  const scales = new Float32Array(columns);
  for (let index = 0; index < values.length; index++) {
    scales[index % columns] = Math.max(scales[index % columns]!, Math.abs(values[index]!));
  }
  for (let column = 0; column < columns; column++)
    scales[column] = scales[column] === 0 ? 1 : scales[column]! / 127;
  const bytes = new Int8Array(values.length);
  for (let index = 0; index < values.length; index++)
    bytes[index] = Math.round(values[index]! / scales[index % columns]!);
  return { bytes, scales, rows: values.length / columns, columns };
}
