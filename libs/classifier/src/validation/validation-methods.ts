interface MethodBase {
  /** What a command names it by. */
  readonly id: string;
  readonly title: string;
  /** Whether it is trained on the seeds too. */
  readonly seeds: boolean;
}

/** C-BTM's recipe: `trainPaperBaseline`. */
export interface PaperMethod extends MethodBase {
  readonly kind: "paper";
  readonly seeds: false;
  readonly clusters: number;
}

/** A linear support vector machine over features, and more. */
export interface LinearMethod extends MethodBase {
  readonly kind: "linear";
  readonly cost?: number;
  /** Word vectors and weights of rows, as a labelled router has them. */
  readonly weighed: boolean;
  readonly embeddings: boolean;
}

/** Clusters named by a few labelled prompts. */
export interface FewLabelMethod extends MethodBase {
  readonly kind: "few-labels";
  readonly clusters: number;
  /** Labelled prompts of each label. */
  readonly labelled: number;
  /** Choices of labelled prompts, over which figures are averaged. */
  readonly draws: number;
}

export type ValidationMethod = PaperMethod | LinearMethod | FewLabelMethod;

const paper = (clusters: number): PaperMethod => ({
  id: `paper-${clusters}`,
  title: `the paper's: tf-idf, SVD, balanced k-means, k = ${clusters}`,
  kind: "paper",
  clusters,
  seeds: false,
});

const bagOfWords = (cost: number, seeds: boolean): LinearMethod => ({
  id: `words-${cost}${seeds ? "-seeds" : ""}`,
  title: `bag of words, linear SVM, C = ${cost}`,
  kind: "linear",
  cost,
  weighed: false,
  embeddings: false,
  seeds,
});

/** The methods compared, in the order of the table. */
export const validationMethods: readonly ValidationMethod[] = [
  paper(14),
  paper(32),
  paper(64),
  bagOfWords(1, false),
  bagOfWords(0.15, false),
  bagOfWords(1, true),
  bagOfWords(0.15, true),
  {
    id: "default-input",
    title: "our default",
    kind: "linear",
    weighed: true,
    embeddings: false,
    seeds: false,
  },
  { id: "default", title: "our default", kind: "linear", weighed: true, embeddings: false, seeds: true },
  {
    id: "few-labels",
    title: "our default without labels: 64 clusters, 20 labelled prompts a domain",
    kind: "few-labels",
    clusters: 64,
    labelled: 20,
    draws: 3,
    seeds: true,
  },
  {
    id: "encoder",
    title: "sentence encoder, same head",
    kind: "linear",
    weighed: true,
    embeddings: true,
    seeds: true,
  },
];

/** Whether a method is a bag of words, which the default is compared with. */
export function isBagOfWords(method: ValidationMethod): boolean {
  return method.kind === "linear" && !method.weighed && !method.embeddings;
}
