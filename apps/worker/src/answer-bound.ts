import { CodedError, type Delta } from "@expert-router/contracts";

/** Greatest answer that a log takes. */
export interface AnswerLimits {
  readonly maxTokens: number;
  readonly maxBytes: number;
}

/** Counts an answer, all attempts together, so that an engine which never stops is stopped. */
export class AnswerBound {
  private tokens = 0;
  private bytes = 0;
  private readonly acceptedBytes: number;

  constructor(
    private readonly limits: AnswerLimits,
    accepted: readonly Delta[],
  ) {
    for (const delta of accepted) this.count(delta);
    this.acceptedBytes = this.bytes;
  }

  /** Bytes added since earlier attempts. */
  get addedBytes(): number {
    return this.bytes - this.acceptedBytes;
  }

  /** @throws CodedError `answer_too_long` */
  add(delta: Delta): void {
    this.count(delta);
    const { maxTokens, maxBytes } = this.limits;
    if (this.tokens <= maxTokens && this.bytes <= maxBytes) return;
    const bound = this.tokens > maxTokens ? `${maxTokens} tokens` : `${maxBytes / 1_048_576} MB`;
    throw new CodedError("answer_too_long", `The answer was cut off: it is longer than ${bound}.`);
  }

  private count(delta: Delta): void {
    this.tokens += 1;
    this.bytes += Buffer.byteLength(typeof delta === "string" ? delta : JSON.stringify(delta));
  }
}
