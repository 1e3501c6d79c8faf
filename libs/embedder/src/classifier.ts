import { InferenceSession, Tensor } from "onnxruntime-node";
import {
  RouterError,
  type RouterManifest,
  type Vocabulary,
  type WeightedTerm,
} from "@expert-router/classifier";
import { readArtifact } from "./read-artifact.js";
import { SentenceEncoder } from "./encoder/index.js";
import { FeatureBatch } from "./feature-batch.js";
import { RememberingEncoder } from "./remembering-encoder.js";
import { graphNames } from "./router-graph.js";

/** Probabilities of one text. */
export interface Classification {
  /** One per label, summing to 1. */
  readonly probabilities: Float32Array;
  readonly labels: readonly string[];
  /** Features of the text that the router knows; 0 means that the probabilities are those of an empty text. */
  readonly features: number;
}

/**
 * Texts that one run of the model answers at most, and their UTF-16 units together unless the first alone has more. A
 * run has the event loop for itself; larger ones gain little, delay the first answer and all else that the loop does.
 */
const maxBatch = 16;
const maxBatchUnits = 8_000;

/** Memory patterns are kept for every shape of input ever seen, and nearly every batch has a new one. */
const sessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  enableMemPattern: false,
} as const;

/** Words of a text whose part in its class is tried; with an encoder a try costs a hundred times as much. */
const maxTriedWords = 48;
const maxEncodedTries = 16;
const maxNamedWords = 8;

interface Waiting {
  readonly text: string;
  readonly embedding: Float32Array | undefined;
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
  private waiting: Waiting[] = [];
  /** Calls of {@link waiting} that a run has taken already. */
  private taken = 0;
  private readonly features = new FeatureBatch();
  private busy = false;
  private underWay: Promise<void> = Promise.resolve();
  /** Calls whose texts are with the encoder. */
  private readonly encoding = new Set<Promise<unknown>>();
  private closed = false;

  private constructor(
    private readonly session: InferenceSession,
    private readonly vocabulary: Vocabulary,
    private readonly encoder: RememberingEncoder | undefined,
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
    const { manifest, vocabulary, model, encoderDir } = await readArtifact(dir);
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
    let encoder: RememberingEncoder | undefined;
    try {
      if (encoderDir !== undefined) encoder = new RememberingEncoder(await openEncoder(encoderDir, manifest));
    } catch (error) {
      await session.release();
      throw error;
    }
    const classifier = new Classifier(session, vocabulary, encoder, manifest);
    try {
      await classifier.verifyOutput(dir);
    } catch (error) {
      await classifier.close();
      throw error;
    }
    return classifier;
  }

  /** Classifies one text as it is; `classifiedText` shortens what is too long. */
  async classify(text: string): Promise<Classification> {
    if (this.closed) throw new Error("the classifier is closed");
    if (this.encoder === undefined) return this.enqueue(text, undefined);
    return this.encoded(
      this.encoder.encode([text]).then(async ([embedding]) => this.enqueue(text, embedding)),
    );
  }

  /** Classifies several texts, together as far as one run of the model takes them. */
  async classifyAll(texts: readonly string[]): Promise<Classification[]> {
    if (this.closed) throw new Error("the classifier is closed");
    const { encoder } = this;
    if (encoder === undefined) return Promise.all(texts.map(async (text) => this.enqueue(text, undefined)));
    const classified = encoder
      .encode(texts)
      .then(async (embeddings) =>
        Promise.all(texts.map(async (text, row) => this.enqueue(text, embeddings[row]))),
      );
    return this.encoded(classified);
  }

  /**
   * The words of `text` that spoke for its most probable class, the strongest first: those without which the class
   * loses most of its probability. Runs the model once a word, so it is for people who ask, not for every request.
   */
  async explain(text: string): Promise<WeightedTerm[]> {
    const words = wordsOf(text, this.encoder === undefined ? maxTriedWords : maxEncodedTries);
    const without = words.map((word) =>
      text.replaceAll(new RegExp(`(?<!\\p{L})${word}(?!\\p{L})`, "giu"), " "),
    );
    const [whole, ...rest] = await this.classifyAll([text, ...without]);
    const { probabilities } = whole!;
    const best = probabilities.indexOf(Math.max(...probabilities));
    return rest
      .map((of, at) => ({
        term: words[at]!,
        weight: Math.round((probabilities[best]! - of.probabilities[best]!) * 10_000) / 10_000,
      }))
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => b.weight - a.weight)
      .slice(0, maxNamedWords);
  }

  /** Waits for the calls under way and frees the session. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await Promise.allSettled(this.encoding);
    await this.underWay;
    await Promise.all([this.session.release(), this.encoder?.close()]);
  }

  /** Remembers a call until it is answered, so that closing waits for it. */
  private async encoded<Result>(call: Promise<Result>): Promise<Result> {
    this.encoding.add(call);
    try {
      return await call;
    } finally {
      this.encoding.delete(call);
    }
  }

  private async enqueue(text: string, embedding: Float32Array | undefined): Promise<Classification> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, embedding, resolve, reject });
      if (!this.busy) this.underWay = this.drain();
    });
  }

  /** `busy` falls in the same turn in which the queue is seen empty: a call made by a reader of the last batch starts a new drain. */
  private async drain(): Promise<void> {
    this.busy = true;
    // Calls of the same turn join the first run.
    await Promise.resolve();
    while (this.taken < this.waiting.length) {
      const batch = this.nextBatch();
      try {
        this.features.clear();
        for (const { text } of batch) this.features.read(text, this.vocabulary);
        const probabilities = await this.run(batch.map(({ embedding }) => embedding));
        const size = this.labels.length;
        for (const [row, { resolve }] of batch.entries()) {
          const of = probabilities.slice(row * size, (row + 1) * size);
          resolve({ probabilities: of, labels: this.labels, features: this.features.sizes[row]! });
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.busy = false;
  }

  /** Takes the calls that the next run answers, in their order. */
  private nextBatch(): Waiting[] {
    const first = this.taken;
    let end = first;
    let units = 0;
    while (end < this.waiting.length && end - first < maxBatch) {
      units += this.waiting[end]!.text.length;
      if (end > first && units > maxBatchUnits) break;
      end++;
    }
    const batch = this.waiting.slice(first, end);
    this.taken = end;
    // Cut off by the thousand: moving up the rest at every batch would cost the square of a long queue.
    if (end === this.waiting.length || end >= 1_024) {
      this.waiting = this.waiting.slice(end);
      this.taken = 0;
    }
    return batch;
  }

  /** One run of the model over the features read. */
  private async run(embeddings: readonly (Float32Array | undefined)[]): Promise<Float32Array> {
    const { ids, weights } = this.features.tensors();
    const feeds: Record<string, Tensor> = { [graphNames.ids]: ids, [graphNames.weights]: weights };
    const size = this.encoder?.dimensions ?? 0;
    if (size > 0) {
      const rows = new Float32Array(embeddings.length * size);
      for (const [row, embedding] of embeddings.entries()) rows.set(embedding!, row * size);
      feeds[graphNames.embedding] = new Tensor("float32", rows, [embeddings.length, 1, size]);
    }
    const outputs = await this.session.run(feeds);
    return outputs[graphNames.probabilities]!.data as Float32Array;
  }

  private async verifyOutput(dir: string): Promise<void> {
    this.features.clear();
    this.features.add(Int32Array.of(this.vocabulary.size - 1), Float32Array.of(1), 1);
    const embedding = this.encoder && new Float32Array(this.encoder.dimensions);
    const outputs = await this.run([embedding]).catch((cause: unknown) => {
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

async function openEncoder(dir: string, manifest: RouterManifest): Promise<SentenceEncoder> {
  const expected = manifest.embedder.encoder!;
  let encoder: SentenceEncoder;
  try {
    encoder = await SentenceEncoder.open(dir, { model: expected.name, maxTokens: expected.max_tokens });
  } catch (cause) {
    throw new RouterError("artifact_corrupt", (cause as Error).message, { cause });
  }
  // A file that the manifest does not list has been read by nobody who compared hashes.
  const listed = new Map(expected.files.map((file) => [file.name, file.sha256]));
  const strange = encoder.model.files.find((file) => listed.get(file.name) !== file.sha256);
  if (strange === undefined && encoder.dimensions === expected.dimensions) return encoder;
  await encoder.close();
  throw new RouterError(
    "artifact_corrupt",
    strange === undefined
      ? `the encoder in ${dir} has ${encoder.dimensions} dimensions, router.json says ${expected.dimensions}`
      : `the encoder in ${dir} uses ${strange.name}, which router.json does not list with this content`,
  );
}

/** At most `most` distinct words of a text, the longest first, as they may be put into a regular expression. */
function wordsOf(text: string, most: number): string[] {
  const words = new Set(text.toLowerCase().match(/\p{L}{2,40}/gu) ?? []);
  return [...words].sort((a, b) => b.length - a.length).slice(0, most);
}
