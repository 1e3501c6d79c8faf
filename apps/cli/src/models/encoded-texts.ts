import type { SentenceEncoder } from "@expert-router/embedder";
import { encoderDigest, EmbeddingCache, textKey } from "./embedding-cache.js";

/** Texts that are encoded in one call; what a run that is broken off loses at most. */
const textsACall = 512;

/** Vectors of texts, row by row. */
export interface EncodedTexts {
  readonly vectors: Float32Array;
  /** Different texts that were encoded, and those that the cache held. */
  readonly encoded: number;
  readonly cached: number;
}

/**
 * Encodes every different text once, in their order; with a cache, only those that it lacks.
 * @param cachePath file of an {@link EmbeddingCache}.
 */
export async function encodeTexts(
  encoder: SentenceEncoder,
  texts: readonly string[],
  cachePath: string | undefined,
  onProgress: (done: number) => void,
): Promise<EncodedTexts> {
  const width = encoder.dimensions;
  const rowsOf = new Map<string, number[]>();
  for (const [row, text] of texts.entries()) {
    const key = textKey(text);
    const rows = rowsOf.get(key);
    if (rows === undefined) rowsOf.set(key, [row]);
    else rows.push(row);
  }
  const vectors = new Float32Array(texts.length * width);
  const missing = new Set(rowsOf.keys());
  const keep = (key: string, vector: Float32Array): void => {
    if (!missing.delete(key)) return;
    for (const row of rowsOf.get(key)!) vectors.set(vector, row * width);
  };
  const cache =
    cachePath === undefined ? undefined : await EmbeddingCache.open(cachePath, width, encoderDigest(encoder));
  try {
    onProgress(0);
    await cache?.read(keep);
    const wanted = [...missing];
    for (let at = 0; at < wanted.length; at += textsACall) {
      onProgress(at / wanted.length);
      const keys = wanted.slice(at, at + textsACall);
      const rows = await encoder.encode(keys.map((key) => texts[rowsOf.get(key)![0]!]!));
      await cache?.append(keys, rows);
      for (const [index, key] of keys.entries()) keep(key, rows.subarray(index * width, (index + 1) * width));
    }
    onProgress(1);
    return { vectors, encoded: wanted.length, cached: rowsOf.size - wanted.length };
  } finally {
    await cache?.close();
  }
}
