import type { TextEmbeddings } from "../training-matrix.js";
import type { WordVectors } from "../word-vectors.js";

/** What methods are trained and timed with. */
export interface ValidationTools {
  readonly seed: number;
  /** Word vectors of the default; without them it stands on features alone. */
  readonly words?: WordVectors | undefined;
  /** Embeddings of all rows, if methods that stand on an encoder are judged. */
  readonly embeddings?: TextEmbeddings | undefined;
  readonly onProgress?: ((stage: string, done: number) => void) | undefined;
  /** Milliseconds since whenever. */
  readonly now: () => number;
}
