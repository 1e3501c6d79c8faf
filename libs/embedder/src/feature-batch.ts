import { Tensor } from "onnxruntime-node";
import type { Vocabulary } from "@expert-router/classifier";

/** Buffers longer than this serve one batch and are not kept. */
const mostKeptPlaces = 1 << 18;

/**
 * Features of the texts that one run of the model answers. Its buffers serve batch after batch: fresh memory for each
 * would cost more than all that is written to it. What {@link tensors} gives is valid until the next {@link clear}.
 */
export class FeatureBatch {
  /** Features of each text. */
  readonly sizes: number[] = [];
  private ids = new Int32Array(16_384);
  private weights = new Float32Array(16_384);
  private length = 0;
  private paddedIds = new Int32Array(16_384);
  private paddedWeights = new Float32Array(16_384);

  clear(): void {
    this.sizes.length = 0;
    this.length = 0;
    if (this.ids.length > mostKeptPlaces) this.reserve(16_384);
    if (this.paddedIds.length > mostKeptPlaces) this.reservePadded(16_384);
  }

  /** Adds the features of `text`. */
  read(text: string, vocabulary: Vocabulary): void {
    const size = vocabulary.read(text);
    this.add(vocabulary.foundIds, vocabulary.foundWeights, size);
  }

  /** Adds the first `size` of `ids` and `weights` as the features of a text. */
  add(ids: Int32Array, weights: Float32Array, size: number): void {
    if (this.length + size > this.ids.length) this.reserve(2 * (this.length + size));
    for (let at = 0; at < size; at++) {
      this.ids[this.length + at] = ids[at]!;
      this.weights[this.length + at] = weights[at]!;
    }
    this.length += size;
    this.sizes.push(size);
  }

  /** All texts, filled up to the longest with id 0 of weight 0. */
  tensors(): { ids: Tensor; weights: Tensor } {
    const rows = this.sizes.length;
    const width = Math.max(1, ...this.sizes);
    const places = rows * width;
    if (places > this.paddedIds.length) this.reservePadded(places);
    let from = 0;
    for (const [row, size] of this.sizes.entries()) {
      const start = row * width;
      this.paddedIds.set(this.ids.subarray(from, from + size), start);
      this.paddedWeights.set(this.weights.subarray(from, from + size), start);
      this.paddedIds.fill(0, start + size, start + width);
      this.paddedWeights.fill(0, start + size, start + width);
      from += size;
    }
    return {
      ids: new Tensor("int32", this.paddedIds.subarray(0, places), [rows, width]),
      weights: new Tensor("float32", this.paddedWeights.subarray(0, places), [rows, 1, width]),
    };
  }

  private reserve(places: number): void {
    const ids = new Int32Array(places);
    const weights = new Float32Array(places);
    ids.set(this.ids.subarray(0, this.length));
    weights.set(this.weights.subarray(0, this.length));
    this.ids = ids;
    this.weights = weights;
  }

  private reservePadded(places: number): void {
    this.paddedIds = new Int32Array(places);
    this.paddedWeights = new Float32Array(places);
  }
}
