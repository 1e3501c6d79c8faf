import { meanRow, principalDirections, projectOnto, subtractRow } from "./principal-directions.js";
import { RouterError } from "./router-error.js";
import { quantize } from "./quantized-matrix.js";
import { stackRows } from "./sparse-rows.js";
import type { WordList } from "./word-list.js";
import { fitWordVectors } from "./word-vector-fit.js";
import { WordVectors, wordVocabulary } from "./word-vectors.js";

/** What an encoder says of texts and of single words. Its vectors are changed: use them for nothing else afterwards. */
export interface DistillationInput {
  readonly list: WordList;
  readonly texts: readonly string[];
  /** Whether each text is like those that will be classified; with no such text all of them are. */
  readonly arePrompts: readonly boolean[];
  /** `width` values a text. */
  readonly textVectors: Float32Array;
  /** `width` values a word of the list. */
  readonly wordVectors: Float32Array;
  /** Length of the encoder's vectors. */
  readonly width: number;
}

export interface DistillationOptions {
  /** Length of a word's vector, at most `width`. */
  readonly dimensions: number;
  /** λ: how much the encoder's vector of the word alone counts against the sentences. */
  readonly prior: number;
  /** How much a prompt counts; other texts count 1. */
  readonly promptWeight: number;
  readonly onProgress?: ((stage: string, done: number) => void) | undefined;
}

export interface Distillation {
  readonly words: WordVectors;
  /** Part of the encoder's vectors that the directions keep. */
  readonly kept: number;
  /** Part of the projected vectors of the texts that sums over words give: the scaled prior's, and the fit's. */
  readonly explained: { readonly prior: number; readonly fit: number };
  /** Words that stand in at least one text; the others are where the prior puts them. */
  readonly seen: number;
}

/**
 * Word vectors whose weighted sum over a text comes near to what an encoder says of the text: mean of the prompts taken
 * away, principal directions, ridge regression towards the encoder's vectors of the single words, bytes.
 * @throws RouterError `training_data_insufficient` if no text has a word of the list.
 */
export function distilWordVectors(input: DistillationInput, options: DistillationOptions): Distillation {
  const { list, texts, arePrompts, textVectors, wordVectors, width } = input;
  const { dimensions, onProgress } = options;
  onProgress?.("words", 0);
  const vocabulary = wordVocabulary(list.words, list.weights);
  const sentences = stackRows(
    texts.map((text) => vocabulary.vectorize(text)),
    vocabulary.size,
  );
  const seen = new Set(sentences.ids).size;
  if (seen === 0)
    throw new RouterError(
      "training_data_insufficient",
      "no text has a word of the list: are both of one language?",
    );
  onProgress?.("words", 1);

  onProgress?.("directions", 0);
  const rows = [...texts.keys()];
  const prompts = Int32Array.from(rows.filter((row) => arePrompts[row]));
  const others = Int32Array.from(rows.filter((row) => !arePrompts[row]));
  const mean = meanRow(textVectors, width, prompts.length > 0 ? prompts : others);
  subtractRow(textVectors, mean);
  subtractRow(wordVectors, mean);
  const groups = [prompts, others].filter((group) => group.length > 0);
  const directions = principalDirections(textVectors, width, groups, dimensions);
  onProgress?.("directions", 0.5);
  const targets = projectOnto(directions, textVectors);
  const prior = projectOnto(directions, wordVectors);
  onProgress?.("directions", 1);

  const fit = fitWordVectors({
    sentences,
    importance: Float32Array.from(arePrompts, (isPrompt) => (isPrompt ? options.promptWeight : 1)),
    targets,
    prior,
    dimensions,
    penalty: options.prior,
    onProgress: (done) => onProgress?.("fit", done),
  });
  const words = new WordVectors(list.words, list.weights, quantize(fit.vectors, dimensions));
  return { words, kept: directions.kept, explained: fit.explained, seen };
}
