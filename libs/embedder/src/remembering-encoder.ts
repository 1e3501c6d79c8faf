import { LRUCache } from "lru-cache";

/** The part of a sentence encoder that is remembered: texts → vectors, `[texts, dimensions]` row by row. */
export interface TextEncoder {
  readonly dimensions: number;
  encode(texts: readonly string[]): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Texts whose vectors are kept, and their UTF-16 units together: 3 MB of vectors and at most 8 MB of text. */
const maxTexts = 2_048;
const maxUnits = 1 << 22;

/**
 * An encoder that knows the vectors of the texts it met last. A conversation is sent whole with every turn, so that all
 * but the last of the turns that are decided on have been encoded before.
 */
export class RememberingEncoder {
  private readonly vectors = new LRUCache<string, Float32Array>({
    max: maxTexts,
    maxSize: maxUnits,
    sizeCalculation: (_, text) => text.length + 1,
  });

  constructor(private readonly encoder: TextEncoder) {}

  get dimensions(): number {
    return this.encoder.dimensions;
  }

  /** One vector for each of `texts`; a text that stands twice, or was met before, is encoded once. */
  async encode(texts: readonly string[]): Promise<readonly Float32Array[]> {
    const known = new Map<string, Float32Array>();
    const unknown: string[] = [];
    for (const text of new Set(texts)) {
      const vector = this.vectors.get(text);
      if (vector === undefined) unknown.push(text);
      else known.set(text, vector);
    }
    const rows = await this.encoder.encode(unknown);
    const { dimensions } = this;
    for (const [row, text] of unknown.entries()) {
      // A copy: a view would keep the vectors of the whole call alive.
      const vector = rows.slice(row * dimensions, (row + 1) * dimensions);
      known.set(text, vector);
      this.vectors.set(text, vector);
    }
    return texts.map((text) => known.get(text)!);
  }

  async close(): Promise<void> {
    await this.encoder.close();
  }
}
