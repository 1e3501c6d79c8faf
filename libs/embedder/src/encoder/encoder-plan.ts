import type { Pooling } from "./pooling.js";

/** A file that takes part in what an encoder says. */
export interface EncoderFile {
  /** Path below the folder, with `/`. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What the files of a folder say about its encoder; sent to the thread that runs it. */
export interface EncoderPlan {
  readonly dir: string;
  /** Paths below `dir`. */
  readonly model: string;
  readonly tokenizer: string;
  readonly tokenizerConfig: string | undefined;
  readonly pooling: Pooling;
  readonly normalized: boolean;
  /** Tokens of a text that are read, those around it included. */
  readonly maxTokens: number;
  readonly prefix: string;
  readonly lowerCase: boolean;
  readonly files: readonly EncoderFile[];
}
