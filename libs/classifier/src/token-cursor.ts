import { CharacterClass, characterClasses } from "./character-class.js";

const wordSeed = 0x3c6ef372;
const numberUnit = 0x30;
const mostDigits = 5;
const mostRepeats = 3;

/** Units of a word that count; what follows is not read. */
export const mostUnits = 1_022;

/** One step of a 32-bit multiplicative hash (FNV-1a over UTF-16 units). */
export const hashStep = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);

/** The unfinished hash of every number. */
export const numberHash = hashStep(wordSeed, numberUnit);

/** The unfinished hash of a lower-case word. */
export function wordHash(word: string): number {
  let hash = wordSeed;
  for (let index = 0; index < word.length; index++) hash = hashStep(hash, word.charCodeAt(index));
  return hash;
}

/**
 * Walks over the tokens of a text: words, numbers and runs of one mark. No string is made for a token: its fields
 * hold it until the next one.
 */
export class TokenCursor {
  /** A `CharacterClass`: letter, digit or mark. */
  kind: number = CharacterClass.letter;
  /** Unfinished hash, by which the next token knows this one. All numbers share it. */
  hash = 0;
  /** All that the features of the token depend on: the letters of a word, a `0` a digit up to five, a mark up to three times. */
  readonly units = new Uint16Array(mostUnits);
  /** Units held. */
  size = 0;
  private text = "";
  private position = 0;

  /** Stands before the first token of `text`. */
  open(text: string): void {
    this.text = text.toLowerCase();
    this.position = 0;
  }

  /** Moves to the next token; false at the end of the text. */
  next(): boolean {
    const { text, units } = this;
    const end = text.length;
    let position = this.position;
    let unit = 0;
    let kind: number = CharacterClass.space;
    while (position < end) {
      unit = text.charCodeAt(position);
      kind = characterClasses[unit]!;
      if (kind !== CharacterClass.space) break;
      position++;
    }
    if (position >= end) {
      this.text = "";
      this.position = 0;
      return false;
    }
    const start = position;
    this.kind = kind;
    if (kind === CharacterClass.letter) {
      let hash = wordSeed;
      let size = 0;
      do {
        if (size < mostUnits) {
          units[size++] = unit;
          hash = hashStep(hash, unit);
        }
        position++;
        if (position >= end) break;
        unit = text.charCodeAt(position);
      } while (characterClasses[unit] === kind);
      this.size = size;
      this.hash = hash;
    } else if (kind === CharacterClass.digit) {
      do position++;
      while (position < end && characterClasses[text.charCodeAt(position)] === kind);
      this.repeat(numberUnit, Math.min(position - start, mostDigits));
      this.hash = numberHash;
    } else {
      do position++;
      while (position < end && text.charCodeAt(position) === unit);
      this.repeat(unit, Math.min(position - start, mostRepeats));
      this.hash = hashStep(hashStep(wordSeed, unit), this.size);
    }
    this.position = position;
    return true;
  }

  private repeat(unit: number, size: number): void {
    for (let index = 0; index < size; index++) this.units[index] = unit;
    this.size = size;
  }
}
