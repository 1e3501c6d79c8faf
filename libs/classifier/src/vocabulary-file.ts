import { setImmediate as nextTurn } from "node:timers/promises";
import { HashIndex } from "./hash-index.js";
import { RouterError } from "./router-error.js";
import { indexFeatures, Vocabulary } from "./vocabulary.js";
import { featureBlocks } from "./feature-scanner.js";

/** "ERV1": marks the file and its layout. */
const magic = 0x31565245;
const headerBytes = 4 * (2 + featureBlocks.length);

/**
 * Bytes of a vocabulary, little-endian: magic, number of features, features of each block; then the hashes
 * (uint32) and the idf values (float32), both block after block. Hashes only: no text of a prompt is in it.
 */
export function encodeVocabulary(vocabulary: Vocabulary): Uint8Array {
  const { size } = vocabulary;
  const bytes = new Uint8Array(headerBytes + size * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, size, true);
  for (const block of featureBlocks.keys()) {
    view.setUint32(
      8 + 4 * block,
      vocabulary.blocks.reduce((sum, of) => sum + (of === block ? 1 : 0), 0),
      true,
    );
  }
  for (let id = 0; id < size; id++) {
    view.setUint32(headerBytes + 4 * id, vocabulary.hashes[id]!, true);
    view.setFloat32(headerBytes + 4 * (size + id), vocabulary.idf[id]!, true);
  }
  return bytes;
}

/** Features that are looked into between two turns of the event loop; about 2 ms. */
const featuresATurn = 1 << 15;

/**
 * The vocabulary in `bytes`. Requests are answered meanwhile: an ingress reads one while it serves another.
 * @throws RouterError `artifact_corrupt` if they are none.
 */
export async function decodeVocabulary(bytes: Uint8Array): Promise<Vocabulary> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes || view.getUint32(0, true) !== magic) {
    throw new RouterError(
      "artifact_corrupt",
      "the vocabulary does not begin with the mark of a vocabulary file",
    );
  }
  const size = view.getUint32(4, true);
  const sizes = Array.from(featureBlocks, (_, block) => view.getUint32(8 + 4 * block, true));
  if (bytes.length !== headerBytes + size * 8 || sizes.reduce((sum, of) => sum + of, 0) !== size) {
    throw new RouterError(
      "artifact_corrupt",
      `the vocabulary says ${size} features, its ${bytes.length} bytes hold another number`,
    );
  }
  const blocks = new Uint8Array(size);
  let first = 0;
  for (const [block, count] of sizes.entries()) blocks.fill(block, first, (first += count));
  // A copy, which begins where typed arrays may. All processors that onnxruntime runs on are little-endian.
  const { buffer } = new Uint8Array(bytes.subarray(headerBytes));
  const hashes = new Uint32Array(buffer, 0, size);
  const index = new HashIndex(size);
  for (let from = 0; from < size; from += featuresATurn) {
    if (from > 0) await nextTurn();
    indexFeatures(index, hashes, from, Math.min(size, from + featuresATurn));
  }
  return new Vocabulary(hashes, blocks, new Float32Array(buffer, 4 * size, size), index);
}
