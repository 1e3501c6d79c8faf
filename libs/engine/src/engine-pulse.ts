/** What an engine's streams and its load page know together: whether it is at work while one request hears nothing. */
export class EnginePulse {
  private tokenAtMs = -Infinity;
  private queueingAtMs = -Infinity;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Some request got a token. */
  noteToken(): void {
    this.tokenAtMs = this.now();
  }

  /** Its load page told of so many requests that wait in its own queue. */
  noteWaiting(requests: number): void {
    this.queueingAtMs = requests > 0 ? this.now() : -Infinity;
  }

  /** Within the last `windowMs` it gave tokens to some request while others waited in its queue. */
  isServingOthers(windowMs: number): boolean {
    const sinceMs = this.now() - windowMs;
    return this.tokenAtMs >= sinceMs && this.queueingAtMs >= sinceMs;
  }
}
