import { classifiedText, type PromptExample, type TextEmbeddings } from "@expert-router/classifier";
import { SentenceEncoder, type ArtifactEncoder } from "@expert-router/embedder";

/** Texts handed to the encoder at once: enough to sort them by length, few enough to show progress. */
const chunkSize = 1_024;

/** A sentence encoder that a router is trained with. */
export interface TrainingEncoder extends ArtifactEncoder {
  /** Embeds what is classified of every example. */
  embed(
    examples: readonly PromptExample[],
    onProgress: (stage: string, done: number) => void,
  ): Promise<TextEmbeddings>;
  close(): Promise<void>;
}

/**
 * Opens the encoder in `dir`.
 * @throws EncoderError naming the file that is missing, broken or not supported.
 */
export async function openTrainingEncoder(dir: string): Promise<TrainingEncoder> {
  const encoder = await SentenceEncoder.open(dir);
  const { dimensions, maxTokens, model } = encoder;
  return {
    dir,
    dimensions,
    maxTokens,
    model,
    async embed(examples, onProgress) {
      const rows = new Float32Array(examples.length * dimensions);
      for (let start = 0; start < examples.length; start += chunkSize) {
        onProgress("embeddings", start / examples.length);
        const texts = examples.slice(start, start + chunkSize).map(({ text }) => classifiedText(text));
        rows.set(await encoder.encode(texts), start * dimensions);
      }
      onProgress("embeddings", 1);
      return { dimensions, rows };
    },
    close: async () => encoder.close(),
  };
}
