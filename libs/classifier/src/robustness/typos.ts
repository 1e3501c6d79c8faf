import { pick, type Perturbation } from "./perturbation.js";
import type { SeededRandom } from "../seeded-random.js";

/** Share of the letters that are mistyped: one in twenty, every third or fourth word of a hasty message. */
const typoShare = 0.05;

/** Neighbours of each key on a QWERTY keyboard. */
const neighbours: Readonly<Record<string, string>> = {
  q: "wa",
  w: "qeas",
  e: "wrsd",
  r: "etdf",
  t: "ryfg",
  y: "tugh",
  u: "yihj",
  i: "uojk",
  o: "ipkl",
  p: "ol",
  a: "qwsz",
  s: "awedzx",
  d: "serfxc",
  f: "drtgcv",
  g: "ftyhvb",
  h: "gyujbn",
  j: "huiknm",
  k: "jiolm",
  l: "kop",
  z: "asx",
  x: "zsdc",
  c: "xdfv",
  v: "cfgb",
  b: "vghn",
  n: "bhjm",
  m: "njk",
};

/** Swaps of neighbouring letters, letters left out and letters hit beside their key. */
export const typos: Perturbation = {
  name: "typos",
  description: "5 % of the letters swapped with the next, left out or mistyped by a neighbouring key",
  apply(text, random) {
    const units = Array.from(text);
    const letters = units.flatMap((unit, at) => (neighbours[unit.toLowerCase()] === undefined ? [] : [at]));
    if (letters.length === 0) return text;
    // A short prompt gets one typo at least: with none it would say nothing about typos.
    for (let left = Math.max(1, Math.round(letters.length * typoShare)); left > 0; left--)
      mistype(units, pick(letters, random), random);
    return units.join("");
  },
};

function mistype(units: string[], at: number, random: SeededRandom): void {
  const unit = units[at]!;
  const kind = random.nextBelow(3);
  if (kind === 0) {
    units[at] = units[at + 1] ?? "";
    if (at + 1 < units.length) units[at + 1] = unit;
  } else if (kind === 1) {
    units[at] = "";
  } else {
    const hit = neighbours[unit.toLowerCase()];
    if (hit === undefined) return;
    const key = pick(Array.from(hit), random);
    units[at] = unit === unit.toLowerCase() ? key : key.toUpperCase();
  }
}
