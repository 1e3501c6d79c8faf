/** How many attempts may be under way at once in one process; unequal, so that nobody holds the places of others. */
export const attemptsAtOnce = { inAll: 64, ofTenant: 16, atReceiver: 8 } as const;

/** Whose attempt it is. */
export interface AttemptPlace {
  readonly tenant: string;
  /** Host and port. */
  readonly receiver: string;
}

/**
 * Counts the attempts under way of each tenant and at each receiver. A receiver that does not answer holds a place for as long as
 * an attempt may take; without bounds, a hundred deliveries to it would hold them all.
 */
export class AttemptsUnderWay {
  private readonly counts = new Map<string, number>();

  /** Takes a place, and answers what gives it back; undefined: there is none at the moment. */
  enter({ tenant, receiver }: AttemptPlace): (() => void) | undefined {
    const bounds = [
      [`tenant ${tenant}`, attemptsAtOnce.ofTenant],
      [`receiver ${receiver}`, attemptsAtOnce.atReceiver],
    ] as const;
    if (bounds.some(([key, most]) => this.count(key) >= most)) return undefined;
    for (const [key] of bounds) this.counts.set(key, this.count(key) + 1);
    return () => {
      for (const [key] of bounds) {
        const left = this.count(key) - 1;
        if (left === 0) this.counts.delete(key);
        else this.counts.set(key, left);
      }
    };
  }

  private count(key: string): number {
    return this.counts.get(key) ?? 0;
  }
}
