/** Hears why a version that is on trial could not decide. */
export interface DecisionFailures {
  failed(role: "candidate" | "shadow", version: string | null, error: unknown): void;
}
