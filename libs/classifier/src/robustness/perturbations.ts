import { closingChatter, openingChatter } from "./chatter.js";
import { diacritics } from "./diacritics.js";
import { paraphrase } from "./paraphrase.js";
import type { Perturbation } from "./perturbation.js";
import { longDocument, pastedCode } from "./surroundings.js";
import { firstWords, lowerCase, noPunctuation, upperCase, wideSpacing } from "./text-shape.js";
import { typos } from "./typos.js";

/** Every perturbation that robustness is measured with, in the order of the report. */
export const perturbations: readonly Perturbation[] = [
  typos,
  lowerCase,
  upperCase,
  noPunctuation,
  wideSpacing,
  diacritics,
  paraphrase,
  openingChatter,
  closingChatter,
  pastedCode,
  firstWords,
  longDocument,
];
