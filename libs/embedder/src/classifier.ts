import { InferenceSession, Tensor } from "onnxruntime-node";
import {
  RouterError,
  type RouterManifest,
  type SparseVector,
  type Vocabulary,
} from "@expert-router/classifier";
import { readArtifact } from "./artifact-folder.js";
import { graphNames } from "./router-graph.js";

/** Probabilities of one text. */
export interface Classification {
  /** One per label, summing to 1. */
  readonly probabilities: Float32Array;
  readonly labels: readonly string[];
  /** Features of the text that the router knows; 0 means that the probabilities are those of an empty text. */
  readonly features: number;
}

/** Texts that one run of the model answers at most: larger batches gain little and delay the first. */
const maxBatch = 32;

/** Memory patterns are kept for every shape of input ever seen, and nearly every batch has a new one. */
const sessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  enableMemPattern: false,
} as const;

interface Waiting {
  readonly text: string;
  readonly resolve: (classification: Classification) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Text → class probabilities, by the artifact of one folder. Holds one ONNX session with one thread.
 * Calls made while the session is busy wait and are answered together by its next run.
 */
export class Classifier {
  readonly labels: readonly string[];
  readonly version: string;
  private readonly waiting: Waiting[] = [];
  private busy = false;
  private underWay: Promise<void> = Promise.resolve();
  private closed = false;

  private constructor(
    private readonly session: InferenceSession,
    private readonly vocabulary: Vocabulary,
    readonly manifest: RouterManifest,
  ) {
    this.labels = manifest.experts.map((of) => of.name);
    this.version = manifest.version;
  }

  /**
   * Loads and verifies the artifact in `dir`.
   * @throws RouterError saying which file is missing or broken, and how.
   */
  static async load(dir: string): Promise<Classifier> {
    const { manifest, vocabulary, model } = await readArtifact(dir);
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(model, sessionOptions);
    } catch (cause) {
      throw new RouterError(
        "artifact_corrupt",
        `router.onnx of ${dir} is not a model that onnxruntime can run: ${(cause as Error).message}`,
        { cause },
      );
    }
    const classifier = new Classifier(session, vocabulary, manifest);
    await classifier.verifyOutput(dir);
    return classifier;
  }

  /** Classifies one text as it is; `classifiedText` shortens what is too long. */
  async classify(text: string): Promise<Classification> {
    if (this.closed) throw new Error("the classifier is closed");
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, resolve, reject });
      if (!this.busy) this.underWay = this.drain();
    });
  }

  /** Waits for the calls under way and frees the session. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.underWay;
    await this.session.release();
  }

  /** `busy` falls in the same turn in which the queue is seen empty: a call made by a reader of the last batch starts a new drain. */
  private async drain(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, maxBatch);
      try {
        const vectors = batch.map(({ text }) => this.vocabulary.vectorize(text));
        const probabilities = await this.run(vectors);
        const size = this.labels.length;
        for (const [row, { resolve }] of batch.entries()) {
          const of = probabilities.slice(row * size, (row + 1) * size);
          resolve({ probabilities: of, labels: this.labels, features: vectors[row]!.ids.length });
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.busy = false;
  }

  /** One run of the model over `vectors`, padded to the longest with weight 0. */
  private async run(vectors: readonly SparseVector[]): Promise<Float32Array> {
    const width = vectors.reduce((longest, vector) => Math.max(longest, vector.ids.length), 1);
    const ids = new Int32Array(vectors.length * width);
    const weights = new Float32Array(vectors.length * width);
    for (const [row, vector] of vectors.entries()) {
      ids.set(vector.ids, row * width);
      weights.set(vector.weights, row * width);
    }
    const outputs = await this.session.run({
      [graphNames.ids]: new Tensor("int32", ids, [vectors.length, width]),
      [graphNames.weights]: new Tensor("float32", weights, [vectors.length, 1, width]),
    });
    return outputs[graphNames.probabilities]!.data as Float32Array;
  }

  private async verifyOutput(dir: string): Promise<void> {
    const last = { ids: Int32Array.of(this.vocabulary.size - 1), weights: Float32Array.of(1) };
    const outputs = await this.run([last]).catch((cause: unknown) => {
      throw new RouterError(
        "artifact_corrupt",
        `router.onnx of ${dir} does not fit its vocabulary: ${(cause as Error).message}`,
        { cause },
      );
    });
    if (outputs.length === this.labels.length) return;
    throw new RouterError(
      "artifact_corrupt",
      `router.onnx of ${dir} gives ${outputs.length} probabilities, router.json names ${this.labels.length} classes`,
    );
  }
}
