/** What is wrong with an encoder. */
export type EncoderErrorCode =
  /** A file is not there or cannot be read. */
  | "encoder_missing"
  /** A file is there and is not what it should be. */
  | "encoder_invalid"
  /** The folder asks for something that is not built. */
  | "encoder_unsupported"
  /** The thread of the encoder died, or a run of the model failed. */
  | "encoder_failed"
  | "encoder_closed";

/** An error of a sentence encoder or its folder; the message names the file and says what to do. */
export class EncoderError extends Error {
  override readonly name = "EncoderError";
  readonly code: EncoderErrorCode;

  constructor(code: EncoderErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
