import { characterClasses, CharacterClass, scriptOf } from "../character-class.js";

/** Names of the scripts that the features tell apart, in their order. */
const scriptNames = [
  "plain Latin",
  "accented Latin",
  "Greek",
  "Cyrillic",
  "Hebrew",
  "Arabic",
  "South Asian",
  "Thai and kin",
  "Han and kana",
  "Hangul",
  "other",
] as const;

export type ScriptName = (typeof scriptNames)[number] | "no letters";

/** Accented letters stand between plain ones: one in this many marks a text as accented. */
const accentedEvery = 50;

/** The script most letters of a text belong to. */
export function scriptOfText(text: string): ScriptName {
  const counts = new Int32Array(scriptNames.length);
  let letters = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (characterClasses[code] !== CharacterClass.letter) continue;
    counts[scriptOf(code)]!++;
    letters++;
  }
  if (letters === 0) return "no letters";
  const commonest = counts.indexOf(Math.max(...counts));
  if (commonest === 0 && counts[1]! * accentedEvery >= letters) return "accented Latin";
  return scriptNames[commonest]!;
}
