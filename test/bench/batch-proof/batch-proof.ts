/** What shall be proven, and with what. */
export interface BatchProof {
  readonly lines: number;
  readonly kills: number;
  readonly experts: number;
  readonly concurrency: number;
  readonly maxTokens: number;
  /** Time of an engine for one token; the faster, the fewer lines are on their way when a kill comes. */
  readonly tokenMs: number;
  /** Prompts, one a line; repeated where they are too few. */
  readonly file: string;
  /** Folder for CPU profiles of all processes. */
  readonly profile?: string | undefined;
}
