/** What shall be proven, and with what. */
export interface BatchProof {
  readonly lines: number;
  readonly kills: number;
  readonly experts: number;
  readonly concurrency: number;
  readonly maxTokens: number;
  /** Prompts, one a line; repeated where they are too few. */
  readonly file: string;
  /** Folder for CPU profiles of all processes. */
  readonly profile?: string | undefined;
}
