import { Block, meaningHash } from "./feature-scanner.js";
import type { QuantizedMatrix } from "./quantized-matrix.js";
import { RouterError } from "./router-error.js";
import type { SparseVector } from "./sparse-rows.js";
import { Vocabulary } from "./vocabulary.js";

/** "ERW1": marks the file and its layout. */
const magic = 0x31575245;
const headerBytes = 12;

/**
 * Static word vectors: what a sentence encoder would say of a text, as a weighted sum over its words. They are used in
 * training only. A linear function of that sum is one number a word and class, so an artifact holds those and no vector.
 */
export class WordVectors {
  private readonly vocabulary: Vocabulary;

  /**
   * @param words lower case, each once.
   * @param weights importance of each word in a text, > 0; frequent words weigh less.
   * @param matrix one row a word.
   */
  constructor(
    readonly words: readonly string[],
    readonly weights: Float32Array,
    readonly matrix: QuantizedMatrix,
  ) {
    this.vocabulary = wordVocabulary(words, weights);
  }

  /** Length of a vector. */
  get dimensions(): number {
    return this.matrix.columns;
  }

  /** Feature hashes of the words in the `meaning` block, in the order of the rows. */
  hashes(): Uint32Array {
    return this.vocabulary.hashes;
  }

  /**
   * Writes the unit vector of `text` over `into`, `dimensions` long; zeros when no word is known.
   * @returns the number of distinct known words.
   */
  embed(text: string, into: Float32Array): number {
    const vector = this.vocabulary.vectorize(text);
    this.sum(vector, 0, into);
    let square = 0;
    for (const value of into) square += value * value;
    if (square > 0) {
      const scale = 1 / Math.sqrt(square);
      for (let column = 0; column < into.length; column++) into[column]! *= scale;
    }
    return vector.ids.length;
  }

  /** Σ weight · vector over those features of `vector` whose id is `firstId` or greater; id `firstId` is row 0. */
  sum(vector: SparseVector, firstId: number, into: Float32Array): void {
    into.fill(0);
    const { bytes, scales, columns } = this.matrix;
    for (const [at, id] of vector.ids.entries()) {
      if (id < firstId) continue;
      const weight = vector.weights[at]!;
      const base = (id - firstId) * columns;
      for (let column = 0; column < columns; column++) into[column]! += weight * bytes[base + column]!;
    }
    for (let column = 0; column < columns; column++) into[column]! *= scales[column]!;
  }

  /**
   * One row of `classes` numbers a word: the product of the word's vector with `weights` (dimensions × classes).
   * Scores summed over these rows are the scores of the summed vector.
   */
  fold(weights: Float32Array, classes: number): Float32Array {
    const { bytes, scales, columns, rows } = this.matrix;
    const scaled = weights.map((value, index) => value * scales[Math.floor(index / classes)]!);
    const folded = new Float32Array(rows * classes);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = bytes[row * columns + column]!;
        if (value === 0) continue;
        for (let c = 0; c < classes; c++) folded[row * classes + c]! += value * scaled[column * classes + c]!;
      }
    }
    return folded;
  }

  /** Bytes, little-endian: magic, words, dimensions; weights; scales; rows; the words, one a line. */
  encode(): Uint8Array {
    const { bytes, scales, rows, columns } = this.matrix;
    const text = new TextEncoder().encode(this.words.join("\n"));
    const out = new Uint8Array(headerBytes + 4 * (rows + columns) + bytes.length + text.length);
    const view = new DataView(out.buffer);
    view.setUint32(0, magic, true);
    view.setUint32(4, rows, true);
    view.setUint32(8, columns, true);
    for (const [at, weight] of this.weights.entries()) view.setFloat32(headerBytes + 4 * at, weight, true);
    for (const [at, scale] of scales.entries()) view.setFloat32(headerBytes + 4 * (rows + at), scale, true);
    const body = headerBytes + 4 * (rows + columns);
    out.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), body);
    out.set(text, body + bytes.length);
    return out;
  }

  /**
   * The vectors in `file`.
   * @throws RouterError `artifact_corrupt` if they are none.
   */
  static decode(file: Uint8Array, name: string): WordVectors {
    const corrupt = (what: string): RouterError =>
      new RouterError("artifact_corrupt", `${name} holds no word vectors: ${what}`);
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    if (file.length < headerBytes || view.getUint32(0, true) !== magic) throw corrupt("the mark is missing");
    const rows = view.getUint32(4, true);
    const columns = view.getUint32(8, true);
    const body = headerBytes + 4 * (rows + columns);
    if (rows === 0 || columns === 0 || file.length <= body + rows * columns) throw corrupt("it is too short");
    const floats = (at: number, count: number): Float32Array =>
      Float32Array.from({ length: count }, (_, index) =>
        view.getFloat32(headerBytes + 4 * (at + index), true),
      );
    const words = new TextDecoder().decode(file.subarray(body + rows * columns)).split("\n");
    if (words.length !== rows) throw corrupt(`${words.length} words stand beside ${rows} rows`);
    const bytes = new Int8Array(file.buffer, file.byteOffset + body, rows * columns).slice();
    return new WordVectors(words, floats(0, rows), { bytes, scales: floats(rows, columns), rows, columns });
  }
}

/** A vocabulary of words alone, in the `meaning` block: turns a text into the weights of its words, of length 1 together. */
export function wordVocabulary(words: readonly string[], weights: Float32Array): Vocabulary {
  const hashes = Uint32Array.from(words, meaningHash);
  return new Vocabulary(hashes, new Uint8Array(words.length).fill(Block.meaning), weights);
}
