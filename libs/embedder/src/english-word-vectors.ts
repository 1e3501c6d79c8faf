import { readFile } from "node:fs/promises";
import { WordVectors } from "@expert-router/classifier";

const file = new URL("../vectors/english.bin", import.meta.url);

/** The word vectors that come with the project: 60,000 English words, distilled from a sentence encoder (docs/word-vectors.md). */
export async function loadEnglishWordVectors(): Promise<WordVectors> {
  return WordVectors.decode(await readFile(file), "english.bin");
}
