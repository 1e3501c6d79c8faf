import { pick, type Perturbation } from "./perturbation.js";

const accented: Readonly<Record<string, string>> = {
  a: "áàâä",
  e: "éèêë",
  i: "íìîï",
  o: "óòôö",
  u: "úùûü",
  c: "ç",
  n: "ñ",
  A: "ÁÀÂÄ",
  E: "ÉÈÊË",
  I: "ÍÌÎÏ",
  O: "ÓÒÔÖ",
  U: "ÚÙÛÜ",
  C: "Ç",
  N: "Ñ",
};

/** Share of the letters that get an accent where a prompt has none. */
const accentShare = 0.05;

/** Accents of letters of the Latin script, apart from the letter. */
const accents = /(?<=[A-Za-z])[\u0300-\u036f]+/g;

/** Accents left out where there are some (many keyboards lack them), added where there are none. */
export const diacritics: Perturbation = {
  name: "diacritics",
  description: "accents left out; where there are none, 5 % of the letters get one",
  apply(text, random) {
    const plain = text.normalize("NFD").replaceAll(accents, "").normalize("NFC");
    if (plain !== text.normalize("NFC")) return plain;
    const units = Array.from(text);
    const letters = units.flatMap((unit, at) => (accented[unit] === undefined ? [] : [at]));
    if (letters.length === 0) return text;
    for (let left = Math.max(1, Math.round(letters.length * accentShare)); left > 0; left--) {
      const at = pick(letters, random);
      const choices = accented[units[at]!];
      if (choices !== undefined) units[at] = pick(Array.from(choices), random);
    }
    return units.join("");
  },
};
