/** Changes of the form of a prompt: its case, punctuation, spacing and length. */
import type { Perturbation } from "./perturbation.js";

/** Words that the shortest prompts keep. */
const keptWords = 5;

export const lowerCase: Perturbation = {
  name: "lower case",
  description: "all letters small",
  apply: (text) => text.toLowerCase(),
};

export const upperCase: Perturbation = {
  name: "upper case",
  description: "all letters capital",
  apply: (text) => text.toUpperCase(),
};

export const noPunctuation: Perturbation = {
  name: "no punctuation",
  description: "without . , ; : ! ? quotes, dashes and brackets",
  apply: (text) =>
    text
      .replaceAll(/['’]/g, "")
      .replaceAll(/[.,;:!?"“”„«»()[\]{}…—–¿¡。，、？！：；「」]/g, " ")
      .replaceAll(/ {2,}/g, " ")
      .trim() || text,
};

export const wideSpacing: Perturbation = {
  name: "wide spacing",
  description: "every space and line break doubled, some spaces a line break",
  apply: (text, random) => text.replaceAll(/\s+/g, (run) => (random.nextBelow(8) === 0 ? "\n\n" : run + run)),
};

export const firstWords: Perturbation = {
  name: "first 5 words",
  description: "cut after five words: very short",
  apply(text) {
    const words = text.split(/\s+/).filter((word) => word !== "");
    return words.length <= keptWords ? text : words.slice(0, keptWords).join(" ");
  },
};
