/** Probabilities of one text. */
export interface Classification {
  /** One per label, summing to 1. */
  readonly probabilities: Float32Array;
  readonly labels: readonly string[];
}

/** Text → class probabilities, by the artifact of one folder. */
export class Classifier {
  readonly labels: readonly string[] = [];
  readonly version: string = "";

  /** Loads and verifies the artifact in `dir`. */
  static load(dir: string): Promise<Classifier> {
    return Promise.reject(new Error(`no classifier can be loaded from ${dir} yet`));
  }

  /** Classifies one text. Calls made while the session is busy are answered together by its next run. */
  classify(text: string): Promise<Classification> {
    return Promise.reject(new Error(`not loaded: ${text.length} characters`));
  }

  /** Waits for the calls under way and frees the session. */
  async close(): Promise<void> {}
}
