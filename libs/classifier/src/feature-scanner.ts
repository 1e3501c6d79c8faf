import { CharacterClass, scriptOf } from "./character-class.js";
import { hashStep, numberHash, TokenCursor, wordHash } from "./token-cursor.js";

/** Blocks of features, each brought to unit length by itself so that the many n-grams do not drown the words. */
export const featureBlocks = ["words", "characters", "scripts", "meaning"] as const;

/** Positions in {@link featureBlocks}. */
export const Block = { words: 0, characters: 1, scripts: 2, meaning: 3 } as const;

const pairSeed = 0x1b873593;
/** Character n-grams have four units, word edges included; hence the three units that a word begins with. */
const gramSeed = 0x6a09e667;
const scriptSeed = 0x510e527f;
const meaningSeed = 0x2545f491;
const edge = 0x20;

/** Spreads the bits of a hash (finalizer of MurmurHash3, public domain). */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The hash under which the `meaning` block knows a lower-case word. */
export function meaningHash(word: string): number {
  return finish(wordHash(word) ^ meaningSeed);
}

/** The hash of two tokens that follow each other, by their unfinished hashes; a feature of the block of words. */
export function pairHash(previous: number, token: number): number {
  return finish(hashStep(Math.imul(previous ^ pairSeed, 0x85ebca6b), token));
}

/**
 * Reads a text once and lists the 32-bit hashes of its features, with repetitions. No string is made on the way.
 * The buffers are reused: what is listed is valid until the next call.
 */
export class FeatureScanner {
  hashes = new Uint32Array(8_192);
  blocks = new Uint8Array(8_192);
  length = 0;
  private readonly tokens = new TokenCursor();

  /** Lists the features of `text` in {@link hashes} and {@link blocks}; returns their number. */
  scan(text: string): number {
    this.length = 0;
    this.tokens.open(text);
    let previous = 0;
    while (this.tokens.next()) {
      this.add(this.tokens);
      this.push(pairHash(previous, this.tokens.hash), Block.words);
      previous = this.tokens.hash;
    }
    return this.length;
  }

  /** Lists the features that the token under the cursor has by itself; returns their number. */
  scanToken(token: TokenCursor): number {
    this.length = 0;
    this.add(token);
    return this.length;
  }

  private add(token: TokenCursor): void {
    if (token.kind === CharacterClass.letter) this.addWord(token);
    else if (token.kind === CharacterClass.digit) {
      // Every number is the same word, marked by its count of digits.
      this.push(finish(numberHash), Block.words);
      this.push(finish(hashStep(numberHash, token.size)), Block.words);
    } else this.push(finish(token.hash), Block.words);
  }

  private addWord({ hash, units, size }: TokenCursor): void {
    this.push(finish(hash), Block.words);
    this.push(finish(hash ^ meaningSeed), Block.meaning);
    if (size > 1) {
      let first = edge;
      let second = units[0]!;
      let third = units[1]!;
      for (let next = 2; next <= size; next++) {
        const last = next === size ? edge : units[next]!;
        const hashed = hashStep(hashStep(hashStep(hashStep(gramSeed, first), second), third), last);
        this.push(finish(hashed), Block.characters);
        first = second;
        second = third;
        third = last;
      }
    }
    const script = scriptOf(units[0]!);
    if (script !== 0) this.push(finish(hashStep(scriptSeed, script)), Block.scripts);
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
