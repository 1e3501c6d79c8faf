import { CharacterClass, characterClasses, scriptOf } from "./character-class.js";

/** Blocks of features, each brought to unit length by itself so that the many n-grams do not drown the words. */
export const featureBlocks = ["words", "characters", "scripts", "meaning"] as const;

/** Positions in {@link featureBlocks}. */
export const Block = { words: 0, characters: 1, scripts: 2, meaning: 3 } as const;

/** Length of the character n-grams, word edges included. */
const gramSize = 4;

const wordSeed = 0x3c6ef372;
const pairSeed = 0x1b873593;
const gramSeed = 0x6a09e667;
const scriptSeed = 0x510e527f;
const meaningSeed = 0x2545f491;
const numberToken = 0x30;

/** One step of a 32-bit multiplicative hash (FNV-1a over UTF-16 units). */
const step = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193);

/** Spreads the bits of a hash (finalizer of MurmurHash3, public domain). */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The hash under which the `meaning` block knows a lower-case word. */
export function meaningHash(word: string): number {
  let hash = wordSeed;
  for (let index = 0; index < word.length; index++) hash = step(hash, word.charCodeAt(index));
  return finish(hash ^ meaningSeed);
}

/**
 * Reads a text once and lists the 32-bit hashes of its features, with repetitions. No string is made on the way.
 * The buffers are reused: what `scan` lists is valid until the next call.
 */
export class FeatureScanner {
  hashes = new Uint32Array(8_192);
  blocks = new Uint8Array(8_192);
  length = 0;
  private token = new Uint16Array(1_024);

  /** Lists the features of `text` in {@link hashes} and {@link blocks}; returns their number. */
  scan(text: string): number {
    this.length = 0;
    const lower = text.toLowerCase();
    const end = lower.length;
    let previous = 0;
    let position = 0;
    while (position < end) {
      const code = lower.charCodeAt(position);
      const kind = characterClasses[code]!;
      if (kind === CharacterClass.space) {
        position++;
        continue;
      }
      let stop = position + 1;
      if (kind === CharacterClass.letter || kind === CharacterClass.digit) {
        while (stop < end && characterClasses[lower.charCodeAt(stop)] === kind) stop++;
      } else {
        while (stop < end && lower.charCodeAt(stop) === code) stop++;
      }
      const token =
        kind === CharacterClass.letter
          ? this.readWord(lower, position, stop)
          : kind === CharacterClass.digit
            ? this.readNumber(stop - position)
            : this.readMark(code, stop - position);
      this.push(finish(step(Math.imul(previous ^ pairSeed, 0x85ebca6b), token)), Block.words);
      previous = token;
      position = stop;
    }
    return this.length;
  }

  private readWord(text: string, start: number, stop: number): number {
    let hash = wordSeed;
    const size = Math.min(stop - start, this.token.length - 2);
    this.token[0] = 0x20;
    for (let index = 0; index < size; index++) {
      const code = text.charCodeAt(start + index);
      this.token[index + 1] = code;
      hash = step(hash, code);
    }
    this.token[size + 1] = 0x20;
    this.push(finish(hash), Block.words);
    this.push(finish(hash ^ meaningSeed), Block.meaning);
    this.pushGrams(size + 2);
    const script = scriptOf(this.token[1]!);
    if (script !== 0) this.push(finish(step(scriptSeed, script)), Block.scripts);
    return hash;
  }

  /** Every number is the same word, marked by its count of digits up to five. */
  private readNumber(digits: number): number {
    this.push(finish(step(wordSeed, numberToken)), Block.words);
    const hash = step(step(wordSeed, numberToken), Math.min(digits, 5));
    this.push(finish(hash), Block.words);
    return step(wordSeed, numberToken);
  }

  /** A run of one punctuation mark is a word of its own; its length counts up to three. */
  private readMark(code: number, repeats: number): number {
    const hash = step(step(wordSeed, code), Math.min(repeats, 3));
    this.push(finish(hash), Block.words);
    return hash;
  }

  private pushGrams(size: number): void {
    for (let start = 0; start + gramSize <= size; start++) {
      let hash = gramSeed;
      for (let index = start; index < start + gramSize; index++) hash = step(hash, this.token[index]!);
      this.push(finish(hash), Block.characters);
    }
  }

  private push(hash: number, block: number): void {
    if (this.length === this.hashes.length) this.grow();
    this.hashes[this.length] = hash;
    this.blocks[this.length] = block;
    this.length++;
  }

  private grow(): void {
    const hashes = new Uint32Array(this.hashes.length * 2);
    hashes.set(this.hashes);
    this.hashes = hashes;
    const blocks = new Uint8Array(this.blocks.length * 2);
    blocks.set(this.blocks);
    this.blocks = blocks;
  }
}
