import { exactLog } from "./exact-math.js";
import { Block, FeatureScanner, meaningHash } from "./feature-scanner.js";
import { RouterError } from "./router-error.js";

/** The constant a of smooth inverse frequency: words rarer than this hardly differ in weight. */
const smoothing = 1e-3;

/** Words that can stand in a text, the commonest first, and what each weighs there. */
export interface WordList {
  readonly words: readonly string[];
  readonly weights: Float32Array;
  /** Entries without a place here: numbers, compounds and marks, which the scanner reads otherwise, and repetitions. */
  readonly leftOut: number;
}

/**
 * The words of a list in order of frequency: the first column of `lines`, up to `maxWords` of them. A word weighs
 * a / (a + p) (smooth inverse frequency: Arora, Liang, Ma, "A simple but tough-to-beat baseline for sentence
 * embeddings", ICLR 2017) with p = 1 / (rank · ln n) by Zipf's law, the rank being that in the list of n words.
 * @throws RouterError `training_data_insufficient` if fewer than two words are left.
 */
export function readWordList(lines: Iterable<string>, maxWords: number): WordList {
  const listed: string[] = [];
  for (const line of lines) {
    const word = line.trim().split(/[\s,]/, 1)[0]!;
    if (word !== "" && listed.push(word.toLowerCase()) === maxWords) break;
  }
  const scanner = new FeatureScanner();
  const taken = new Set<number>();
  const words: string[] = [];
  const weights: number[] = [];
  const logarithm = exactLog(Math.max(2, listed.length));
  for (const [at, word] of listed.entries()) {
    const hash = meaningHash(word);
    // Two words of one hash cannot be told apart: the commoner one has it.
    if (!isOneWord(scanner, word, hash) || taken.has(hash)) continue;
    taken.add(hash);
    words.push(word);
    weights.push(smoothing / (smoothing + 1 / ((at + 1) * logarithm)));
  }
  if (words.length < 2)
    throw new RouterError(
      "training_data_insufficient",
      `${listed.length} entries hold ${words.length} words that a text can show; at least two are needed`,
    );
  return { words, weights: Float32Array.from(weights), leftOut: listed.length - words.length };
}

/** Whether the scanner reads `word` as one word and as nothing else. */
function isOneWord(scanner: FeatureScanner, word: string, hash: number): boolean {
  const length = scanner.scan(word);
  let found = 0;
  for (let at = 0; at < length; at++) {
    if (scanner.blocks[at] !== Block.meaning) continue;
    if (scanner.hashes[at] !== hash) return false;
    found++;
  }
  return found === 1;
}
