/**
 * Classes of UTF-16 units, fixed here and not asked of the engine's Unicode tables: those differ between
 * Node versions, and a router must see the same features wherever it runs.
 */
export const CharacterClass = { space: 0, letter: 1, digit: 2, mark: 3 } as const;

const isMark = (code: number): boolean =>
  (code < 0x80 && code > 0x20) ||
  (code > 0xa0 && code < 0xc0 && code !== 0xaa && code !== 0xb5 && code !== 0xba) ||
  code === 0xd7 ||
  code === 0xf7 ||
  (code >= 0x2010 && code < 0x2c00) ||
  (code > 0x3000 && code <= 0x303f) ||
  (code >= 0xd800 && code < 0xe000) ||
  (code >= 0xff01 && code <= 0xff0f);

function classOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return CharacterClass.digit;
  if ((code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)) return CharacterClass.letter;
  if (code <= 0x20 || (code >= 0x7f && code <= 0xa0) || (code >= 0x2000 && code < 0x2010) || code === 0x3000)
    return CharacterClass.space;
  return isMark(code) ? CharacterClass.mark : CharacterClass.letter;
}

/** UTF-16 unit → {@link CharacterClass}. */
export const characterClasses: Uint8Array = Uint8Array.from({ length: 0x10000 }, (_, code) => classOf(code));

/** Scripts told apart, by the range of the unit: Latin with accents, Greek, Cyrillic, Hebrew, Arabic, South Asian, Thai and its kin, kana and Han, Hangul. */
export function scriptOf(code: number): number {
  if (code < 0x80) return 0;
  if (code < 0x370) return 1;
  if (code < 0x400) return 2;
  if (code < 0x530) return 3;
  if (code < 0x600) return 4;
  if (code < 0x900) return 5;
  if (code < 0xe00) return 6;
  if (code < 0x1100) return 7;
  if (code >= 0xac00 && code < 0xd7b0) return 9;
  return code >= 0x2e80 && code < 0xac00 ? 8 : 10;
}
